#!/usr/bin/env bash
# Makes `tools/bazel` work on Debian 12 with nothing but Debian's archive.
#
# Debian packages Bazel 4.2.3 without the repositories that it would download. This installs the packages that are
# missing, and puts into .debian/ what stands in for each repository of WORKSPACE, and a bazelrc that says so:
#   com_google_absl, com_google_googletest, com_github_google_benchmark: upstream's sources, as archived by Debian
#   bazel_skylib, rules_java: Debian packages
#   platforms: Debian's, with two CPUs that Abseil asks for
#   remote_coverage_tools: a stub; every cc_test names it, with coverage or without
#
# Quick when there is nothing to do; after an interruption or a change of this file it starts over.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
dest=$root/.debian

bazelisk=https://github.com/bazelbuild/bazelisk
packages=(bazel-bootstrap bazel-rules-java bazel-skylib)

say() { echo "tools/debian/setup.sh: $*" >&2; }
die() {
  say "$@"
  exit 1
}

sudo=()
((EUID == 0)) || sudo=(sudo)

# apt_get ARGUMENT...: quiet unless it fails.
apt_get() {
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=600 "$@" \
    </dev/null >"$dest/apt.log" 2>&1 && return
  cat "$dest/apt.log" >&2
  die "apt-get $1 failed. Without Debian's Bazel, install bazelisk: $bazelisk"
}

install_packages() {
  local installed
  installed=$(dpkg-query -W -f '${db:Status-Status}\n' "${packages[@]}" 2>/dev/null | grep -cx installed) || true
  ((installed == ${#packages[@]})) && return
  ((EUID == 0)) || type -P sudo >/dev/null || die "as root, run: apt-get install ${packages[*]}"
  say "installing ${packages[*]}"
  # Java's package fails without this, which slim container images lack.
  "${sudo[@]}" mkdir -p /usr/share/man/man1
  apt_get update
  apt_get install -y --no-install-recommends "${packages[@]}"
}

# fetch NAME SHA256 PACKAGE TARBALL: unpacks a source tarball, which lies beside its package in the archive, as
# repo/NAME.
fetch() {
  local name=$1 sha256=$2 package=$3 tarball=$4 deb
  deb=$(apt-get download --print-uris "$package" 2>/dev/null | cut -d"'" -f2) || true
  if [[ -z $deb ]]; then
    apt_get update
    deb=$(apt-get download --print-uris "$package" | cut -d"'" -f2)
  fi
  say "downloading $tarball"
  # The option stops a warning that apt's own user cannot write here.
  /usr/lib/apt/apt-helper -qq -o APT::Sandbox::User=root \
    download-file "${deb%/*}/$tarball" "$dest/$tarball" "SHA256:$sha256" >&2 ||
    die "cannot download ${deb%/*}/$tarball"
  mkdir -p "$dest/repo/$name"
  tar -xzf "$dest/$tarball" -C "$dest/repo/$name" --strip-components=1
  rm "$dest/$tarball"
}

make_repositories() {
  fetch com_google_absl abfe2897f3a30edaa74bc34365afe3c2a3cd012091a97dc7e008f7016adcd5fe \
    libabsl-dev abseil_20220623.1.orig.tar.gz
  fetch com_google_googletest 81964fe578e9bd7c94dfdb09c8e4d6e6759e19967e397dbea48d1c10e45d0df2 \
    googletest googletest_1.12.1.orig.tar.gz
  fetch com_github_google_benchmark 6430e4092653380d9dc4ccb45a1e2dc9259d581f4866dc0759713126056bc1d7 \
    libbenchmark-dev benchmark_1.7.1.orig.tar.gz

  cp -r /usr/share/bazel/platforms "$dest/repo/platforms"
  local cpu
  for cpu in wasm32 wasm64; do
    grep -q "\"$cpu\"" "$dest/repo/platforms/cpu/BUILD" ||
      echo "constraint_value(name = \"$cpu\", constraint_setting = \":cpu\")" >>"$dest/repo/platforms/cpu/BUILD"
  done

  mkdir "$dest/repo/remote_coverage_tools"
  touch "$dest/repo/remote_coverage_tools/WORKSPACE"
  echo 'filegroup(name = "coverage_report_generator", visibility = ["//visibility:public"])' \
    >"$dest/repo/remote_coverage_tools/BUILD"
}

# Bazel 4.2.3 wants absolute paths, and does not hand options of `build` on to `query` and `fetch`.
make_bazelrc() {
  local command repo
  for command in build query fetch; do
    for repo in "$dest"/repo/*; do
      echo "$command \"--override_repository=${repo##*/}=$repo\""
    done
    echo "$command --override_repository=bazel_skylib=/usr/share/bazel/tools/skylib"
    echo "$command --override_repository=rules_java=/usr/share/bazel/rules/java"
    # For workspaces that depend on this one: other Bazels download it when nobody names it.
    echo "$command \"--override_repository=rules_cc=$root/tools/rules_cc\""
  done
  # Debian's own bazelrc turns this on: some fifty lines for each action.
  echo "build --nosandbox_debug"
  # Works in containers that may not make namespaces.
  echo "build --spawn_strategy=processwrapper-sandbox,local"
}

if [[ ! -f /etc/debian_version ]] || ! type -P apt-get >/dev/null; then
  die "no Bazel found. Install bazelisk: $bazelisk"
fi

mkdir -p "$dest"
exec 9>"$dest/lock"
flock 9

install_packages
[[ -x /usr/bin/bazel-4 ]] || die "this needs Bazel 4, which newer Debians lack. Install bazelisk: $bazelisk"

# The bazelrc holds absolute paths, so a workspace that was moved is set up again, too.
stamp=$(echo "$root" | cat - "$here/setup.sh" | sha256sum)
[[ -f $dest/stamp && $(<"$dest/stamp") == "$stamp" ]] && exit

rm -rf "$dest/stamp" "$dest/repo"
make_repositories
make_bazelrc >"$dest/bazelrc"
echo "$stamp" >"$dest/stamp"
say "done"
