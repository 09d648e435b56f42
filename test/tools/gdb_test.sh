#!/usr/bin/env bash
# tools/gdb/vow.py prints each variable of gdb_program.cc as the comment there says.
set -euo pipefail

source=test/tools/gdb_program.cc
program=test/tools/gdb_program
# Without a home, gdb warns that it has no cache.
export HOME=${TEST_TMPDIR:-/tmp}
# Containers often do not allow what gdb does to get the same addresses each time.
gdb=(gdb -nx -batch -iex "set disable-randomization off" -iex "set width 0")

if ! type -P gdb >/dev/null; then
  echo "skipped: no gdb"
  exit
fi
trial=$("${gdb[@]}" -ex 'python print("python")' -ex run /bin/true 2>&1) || true
if [[ $trial != *python*"exited normally"* ]]; then
  echo "skipped: gdb may not run programs here, or has no Python"
  echo "$trial"
  exit
fi

expected=$(awk -v source=$source 'match($0, /; +\/\/ [a-z]+: /) {
  gsub("HERE", source ":" NR)
  sub(/.*; +\/\/ /, "")
  print
}' $source)

commands=(-ex "source tools/gdb/vow.py" -ex "break all_are_made" -ex run -ex up)
while IFS= read -r line; do
  name=${line%%:*}
  commands+=(-ex "printf \"$name: \"" -ex "output $name" -ex 'echo \n')
done <<<"$expected"

output=$("${gdb[@]}" "${commands[@]}" $program 2>&1) || true
count=$(wc -l <<<"$expected")
if ((count > 10)) && diff <(echo "$expected") <(tail -n "$count" <<<"$output"); then exit; fi
echo "Above, < is what the comments in $source say, and > what gdb prints. All of it:"
echo "$output"
exit 1
