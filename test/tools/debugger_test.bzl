"""A test that is a script, with a program to debug.

There is a sh_test, but from no place that both Bazel 4 and Bazel 9 have.
"""

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
            cfg = "target",
            doc = "A cc_binary, with what the debugger needs.",
            mandatory = True,
        ),
        "script": attr.label(
            allow_single_file = True,
            doc = "Passes if it exits with 0. Runs in the root of the workspace.",
            mandatory = True,
        ),
    },
    test = True,
)
