# Server of one trained model of this folder:
#   docker build --build-arg MODEL=opinions-lstm -t opinions .
#   docker run --rm -p 127.0.0.1:8000:8000 opinions
FROM python:3.12-slim
WORKDIR /app
ENV PYTHONUNBUFFERED=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore

# The packages first: this layer changes with the lock file only. The pins are constraints too, as in the Makefile.
COPY requirements.lock .
RUN sed -n '/^[a-z0-9].*==/s/ \\$//p' requirements.lock > /tmp/versions \
 && PIP_CONSTRAINT=/tmp/versions pip install --no-cache-dir --no-deps --require-hashes --requirement requirements.lock

# Code, params.yaml, models/ and data/vocabulary/: see .dockerignore.
COPY . .
RUN pip install --no-cache-dir --no-deps --no-build-isolation --editable . \
 && useradd --system seqproof && mkdir .seqproof && chown seqproof . .seqproof

ARG MODEL
ENV MODEL=${MODEL} PYTHONDONTWRITEBYTECODE=1
RUN test -f "models/$MODEL/model.json" || { echo "models/$MODEL is no trained model; set --build-arg MODEL=NAME"; exit 1; }
USER seqproof
EXPOSE 8000
HEALTHCHECK --start-period=60s CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/ping', timeout=3)"]
CMD ["sh", "-c", "exec seqproof serve \"$MODEL\" --host 0.0.0.0 --port 8000"]
