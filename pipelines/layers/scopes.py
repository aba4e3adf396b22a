"""Name scopes: the boxes of TensorBoard's graph (Abadi et al. 2016, section 9.1)."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import keras
import tensorflow as tf

GRADIENTS = "gradient_tape"  # the scope in which tf.GradientTape creates its operations


@contextmanager
def scope(name: str) -> Iterator[None]:
    """Open a name scope for operations and for the paths of variables.

    A scope that is opened twice stays one box, while `tf.name_scope` numbers the second one.
    """
    outer = tf.get_current_name_scope()
    with keras.name_scope(name), tf.name_scope(f"{outer}/{name}/" if outer else f"{name}/"):
        yield


class Unscoped:
    """Mixin of layers whose scope is that of their caller.

    Keras puts the operations of a layer into a scope that is named by the class and a number, such
    as `recurrent_stack_1_2`. The models of this project name the scopes by the role of a layer.
    """

    def _open_name_scope(self) -> AbstractContextManager[None]:
        return nullcontext()


def custom_gradient(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate like `tf.custom_gradient`, with the scope that other gradients have.

    The gradients of operations in a scope S are in the scope `gradient_tape/S`. TensorFlow leaves
    those of a custom gradient outside of all scopes.
    """

    @functools.wraps(function)
    def run(*args: tf.Tensor) -> tuple[Any, Callable[..., Any]]:
        results, gradient = function(*args)
        outer = tf.get_current_name_scope()
        name = f"{GRADIENTS}/{outer}/" if outer else f"{GRADIENTS}/"

        def scoped_gradient(*d_results: tf.Tensor) -> Any:
            with tf.name_scope(name):
                return gradient(*d_results)

        return results, scoped_gradient

    return tf.custom_gradient(run)
