"""Built-in names, under others: a .bzl file cannot define a name that it reads."""

native_cc_common = cc_common
NativeCcInfo = CcInfo
