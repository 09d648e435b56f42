# The part of @rules_cc//cc:defs.bzl that is needed here. Bazel 4.2.3 has the rules built in.

load(":natives.bzl", "NativeCcInfo", "native_cc_common")

cc_binary = native.cc_binary
cc_import = native.cc_import
cc_library = native.cc_library
cc_test = native.cc_test

cc_toolchain = native.cc_toolchain
cc_toolchain_suite = native.cc_toolchain_suite

cc_common = native_cc_common
CcInfo = NativeCcInfo
