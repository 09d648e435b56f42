# A .bzl file cannot define a name that it reads, so defs.bzl gets these under other names.
native_cc_common = cc_common
NativeCcInfo = CcInfo
