#!/bin/sh
# Take out of a site-packages folder what only developers need: a third of it.
set -eu
cd "$1"

# What changes networks and builds packages; lean-tag runs them.
for package in setuptools pkg_resources _distutils_hack distutils-precedence.pth \
    onnxruntime/transformers onnxruntime/quantization onnxruntime/tools \
    onnxruntime/datasets onnxruntime/backend \
    numpy/f2py numpy/distutils numpy/_pyinstaller; do
    rm -rf "$package"
done
# For programs in C: Python's own module of ONNX Runtime has all of it inside.
rm -f onnxruntime/capi/libonnxruntime.so*
find . -depth -type d -name tests -exec rm -rf {} +
find . -type f \( -name '*.a' -o -name '*.h' -o -name '*.hpp' -o -name '*.px[di]' \
    -o -name '*.pyx' -o -name '*.pyi' \) -delete

# PyAV's own modules carry three times their size in symbols. Nothing else is touched: what
# auditwheel moved about does not all survive strip(1).
find av -name '*.so' -exec strip --strip-unneeded {} +
