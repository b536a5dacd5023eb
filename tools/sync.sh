#!/bin/sh
# Usage: sh tools/sync.sh FROM TO
#
# Makes TO equal to FROM (target/ and vendor/ apart) and leaves
# files that are equal already untouched, so that cargo sees their old time stamps.
from=$1
to=$2
list() {
  (cd "$1" && find . \( -path ./target -o -path ./vendor \) -prune -o -type f -print)
}
mkdir -p "$to" || exit 1
list "$to" | while IFS= read -r file; do
  [ -f "$from/$file" ] || rm -f "$to/$file"
done
list "$from" | while IFS= read -r file; do
  cmp -s "$from/$file" "$to/$file" && continue
  mkdir -p "$to/`dirname "$file"`" && cp "$from/$file" "$to/$file" && touch "$to/$file" || exit 1
done
