"""TensorFlow: every call is one tf.function whose arrays are its arguments, as they are ours."""

from functools import partial

from benchmarks.rows import drawn


def function(body, *arrays):
    """The call of `body` as a graph, over constants of these arrays."""
    import tensorflow as tf

    tf.get_logger().setLevel("ERROR")  # it warns of many functions, of which each row has one
    return partial(tf.function(body, autograph=False), *map(tf.constant, arrays))


def conv2d(case):
    import tensorflow as tf

    x, kernel, _ = case.arrays()
    return function(lambda x, kernel: tf.nn.conv2d(x, kernel, case.strides, "SAME"), x, kernel)


def conv2d_backward(case):
    import tensorflow as tf

    def gradients(x, kernel, dy):
        with tf.GradientTape() as tape:
            tape.watch((x, kernel))
            y = tf.nn.conv2d(x, kernel, case.strides, "SAME")
        return *tape.gradient(y, (x, kernel), dy), tf.reduce_sum(dy, (0, 1, 2))

    return function(gradients, *case.arrays())  # y is needed by nothing, and the graph leaves it out


def conv2d_transpose(case):
    import tensorflow as tf

    _, kernel, dy = case.arrays()
    shape = (case.batch, *case.image)
    return function(lambda y, kernel: tf.nn.conv2d_transpose(y, kernel, shape, case.strides, "SAME"), dy, kernel)


def conv2d_transpose_backward(case):
    import tensorflow as tf

    def gradients(dy, kernel, x):
        dx = tf.nn.conv2d(dy, kernel, case.strides, "SAME")
        strides = [1, case.strides, case.strides, 1]
        dkernel = tf.raw_ops.Conv2DBackpropFilter(
            input=dy, filter_sizes=kernel.shape, out_backprop=x, strides=strides, padding="SAME"
        )
        return dx, dkernel, tf.reduce_sum(dy, (0, 1, 2))

    return function(gradients, *case.arrays())


def depthwise_conv2d(case):
    import tensorflow as tf

    x, kernel, _ = case.arrays()
    return function(lambda x, kernel: tf.nn.depthwise_conv2d(x, kernel, [1, 1, 1, 1], "SAME"), x, kernel)


def depthwise_conv2d_backward(case):
    import tensorflow as tf

    def gradients(x, kernel, dy):
        with tf.GradientTape() as tape:
            tape.watch((x, kernel))
            y = tf.nn.depthwise_conv2d(x, kernel, [1, 1, 1, 1], "SAME")
        return *tape.gradient(y, (x, kernel), dy), tf.reduce_sum(dy, (0, 1, 2))

    return function(gradients, *case.arrays())


def _pool(case):
    import tensorflow as tf

    op = {"max": tf.nn.max_pool2d, "avg": tf.nn.avg_pool2d}[case.kind]
    return lambda x: op(x, case.kernel, case.strides, "SAME")


def pool2d(case):
    return function(_pool(case), *case.inputs())


def pool2d_backward(case):
    return _gradient(_pool(case), *case.arrays())


def _gradient(body, x, dy):
    """The gradient by x alone, the output of `body` made anew where the gradient reads it."""
    import tensorflow as tf

    def gradient(x, dy):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = body(x)
        return tape.gradient(y, x, dy)

    return function(gradient, x, dy)


def batch_norm(arrays, epsilon):
    import tensorflow as tf

    x, gamma, beta, _ = arrays()
    return function(lambda *given: tf.compat.v1.nn.fused_batch_norm(*given, epsilon=epsilon)[:1], x, gamma, beta)


def batch_norm_backward(arrays, epsilon):
    """The kernel of the gradient alone, from the statistics that the forward kept."""
    import tensorflow as tf

    x, gamma, beta, dy = map(tf.constant, arrays())
    made = tf.raw_ops.FusedBatchNormV3(
        x=x, scale=gamma, offset=beta, mean=[], variance=[], epsilon=epsilon, is_training=True
    )
    kept = made.reserve_space_1, made.reserve_space_2, made.reserve_space_3

    def gradients(dy, x, gamma, first, second, third):
        found = tf.raw_ops.FusedBatchNormGradV3(
            y_backprop=dy, x=x, scale=gamma, reserve_space_1=first, reserve_space_2=second, reserve_space_3=third,
            epsilon=epsilon, is_training=True,
        )  # fmt: skip
        return found.x_backprop, found.scale_backprop, found.offset_backprop

    return function(gradients, dy, x, gamma, *kept)


def _lrn(beta):
    import tensorflow as tf

    return lambda x: tf.nn.local_response_normalization(x, depth_radius=5, beta=beta)


def lrn(shape, beta):
    return function(_lrn(beta), *drawn(shape))


def lrn_backward(shape, beta):
    return _gradient(_lrn(beta), *drawn(shape, shape))


def network(built, arrays, network: str, batch: int):
    model = built(network)
    keras_model, (x, _) = model.to_keras(), arrays(model, batch)
    return function(lambda x: keras_model(x, training=False), x)


def network_training(built, arrays, network: str, batch: int):
    """Gradients of all weights, and the moving statistics brought up to date."""
    import tensorflow as tf

    model = built(network)
    keras_model = model.to_keras()

    def gradients(x, dy):
        with tf.GradientTape() as tape:
            y = keras_model(x, training=True)
        return tape.gradient(y, [v.value for v in keras_model.trainable_variables], dy)

    return function(gradients, *arrays(model, batch))
