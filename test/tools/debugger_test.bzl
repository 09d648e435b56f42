"""A test that is a script, with a program to debug.

There is a sh_test, but from no place that both Bazel 4 and Bazel 9 have. And a program's own copts would not do: by
default Bazel's linker strips it, and compilers describe a class with virtual functions only where its vtable is.
"""

def _debug_mode_impl(_settings, _attr):
    return {"//command_line_option:compilation_mode": "dbg"}

_debug_mode = transition(
    implementation = _debug_mode_impl,
    inputs = [],
    outputs = ["//command_line_option:compilation_mode"],
)

def _debugger_test_impl(ctx):
    test = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.symlink(output = test, target_file = ctx.file.script, is_executable = True)
    return [DefaultInfo(executable = test, runfiles = ctx.runfiles(ctx.files.data + ctx.files.program))]

debugger_test = rule(
    implementation = _debugger_test_impl,
    attrs = {
        "data": attr.label_list(
            allow_files = True,
            doc = "What else the script reads.",
        ),
        "program": attr.label(
            cfg = _debug_mode,
            doc = "A cc_binary, built with everything that it needs in debug mode.",
            mandatory = True,
        ),
        "script": attr.label(
            allow_single_file = True,
            doc = "Passes if it exits with 0. Runs in the root of the workspace.",
            mandatory = True,
        ),
        "_allowlist_function_transition": attr.label(
            default = "@bazel_tools//tools/allowlists/function_transition_allowlist",
        ),
    },
    test = True,
)
