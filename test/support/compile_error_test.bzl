"""A test that a source file does not compile, and that the compiler says so in the intended words."""

load("@rules_cc//cc:defs.bzl", "CcInfo", "cc_common")
load("@rules_cc//cc:find_cc_toolchain.bzl", "find_cc_toolchain", "use_cc_toolchain")

# The action must not fail, so that a file that does not compile is a built target; the test judges the log.
_COMPILE = """\
log=$1
shift
"$@" >"$log" 2>&1
echo "exit status $?" >>"$log"
"""

_TEST = """\
#!/bin/sh
log={log}
expect={expect}
is_error=': \\(fatal \\)\\{{0,1\\}}error: '

count=$(grep -c "$is_error" "$log")
first=$(grep "$is_error" "$log" | head -n 1)

problem=
case $first in
  '') problem="the compiler reports no error" ;;
  *"$expect"*) ;;
  *) problem="the first error does not contain: $expect" ;;
esac
if [ "$(tail -n 1 "$log")" = "exit status 0" ]; then
  problem="it compiles"
elif [ "$count" -gt {max_errors} ] && [ -z "$problem" ]; then
  problem="$count errors, not {max_errors}"
fi

[ -z "$problem" ] && exit 0
echo "{src}: $problem"
echo "The compiler's output:"
cat "$log"
exit 1
"""

def _quote(string):
    return "'" + string.replace("'", "'\\''") + "'"

def _compile_command(ctx, cc_toolchain, headers):
    features = cc_common.configure_features(
        ctx = ctx,
        cc_toolchain = cc_toolchain,
        requested_features = ctx.features,
        # These need the module map of a cc_library.
        unsupported_features = ctx.disabled_features + ["layering_check", "module_maps"],
    )
    variables = cc_common.create_compile_variables(
        feature_configuration = features,
        cc_toolchain = cc_toolchain,
        source_file = ctx.file.src.path,
        include_directories = headers.includes,
        quote_include_directories = headers.quote_includes,
        system_include_directories = depset(transitive = [
            headers.system_includes,
            # Since Bazel 5.
            getattr(headers, "external_includes", depset()),
        ]),
        preprocessor_defines = headers.defines,
        user_compile_flags = ctx.fragments.cpp.copts + ctx.fragments.cpp.cxxopts + [
            "-fsyntax-only",
            "-fdiagnostics-color=never",
            "-Wno-error",
        ] + ctx.attr.copts,
    )
    action = "c++-compile"
    return struct(
        arguments = [
            cc_common.get_tool_for_action(feature_configuration = features, action_name = action),
        ] + cc_common.get_memory_inefficient_command_line(
            feature_configuration = features,
            action_name = action,
            variables = variables,
        ),
        environment = cc_common.get_environment_variables(
            feature_configuration = features,
            action_name = action,
            variables = variables,
        ),
    )

def _compile_error_test_impl(ctx):
    cc_toolchain = find_cc_toolchain(ctx)
    headers = cc_common.merge_cc_infos(cc_infos = [dep[CcInfo] for dep in ctx.attr.deps]).compilation_context
    command = _compile_command(ctx, cc_toolchain, headers)

    log = ctx.actions.declare_file(ctx.label.name + ".log")
    environment = dict(command.environment)

    # Plain quotation marks, from every compiler.
    environment["LC_ALL"] = "C"
    ctx.actions.run_shell(
        outputs = [log],
        inputs = depset([ctx.file.src], transitive = [headers.headers, cc_toolchain.all_files]),
        command = _COMPILE,
        arguments = [log.path] + command.arguments,
        env = environment,
        mnemonic = "CompileError",
        progress_message = "Compiling %s, which must fail" % ctx.file.src.short_path,
    )

    test = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.write(
        output = test,
        content = _TEST.format(
            expect = _quote(ctx.attr.expect),
            log = _quote(log.short_path),
            max_errors = ctx.attr.max_errors,
            src = ctx.file.src.short_path,
        ),
        is_executable = True,
    )
    return [DefaultInfo(executable = test, runfiles = ctx.runfiles([log]))]

_compile_error_test = rule(
    implementation = _compile_error_test_impl,
    attrs = {
        "copts": attr.string_list(
            doc = "Compiler flags, for example -Werror=unused-result.",
        ),
        "deps": attr.label_list(
            doc = "The libraries whose headers src includes.",
            providers = [CcInfo],
        ),
        "expect": attr.string(
            doc = "What the first error must contain.",
            mandatory = True,
        ),
        "max_errors": attr.int(
            default = 1,
            doc = "How many errors the compiler may report.",
        ),
        "src": attr.label(
            allow_single_file = [".cc"],
            doc = "The source file that must not compile.",
            mandatory = True,
        ),
        "_cc_toolchain": attr.label(
            default = "@rules_cc//cc:current_cc_toolchain",
        ),
    },
    fragments = ["cpp"],
    test = True,
    toolchains = use_cc_toolchain(),
)

def compile_error_test(name, size = "small", tags = [], **kwargs):
    """Passes if src does not compile, and its one error contains `expect`.

    Args:
      name: of the test.
      size: of the test.
      tags: of the test; to these comes compile_error, by which sanitizers, which it does not concern, leave it out.
      **kwargs: src, deps, expect, copts and max_errors, as documented in the rule above; and those of every test.
    """
    _compile_error_test(
        name = name,
        size = size,
        tags = tags + ["compile_error"],
        **kwargs
    )
