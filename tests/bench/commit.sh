#!/bin/sh
# SPDX-License-Identifier: MIT
# Says of which commit the tree is, for tables that are made of it; nothing where git does not know.
cd "$(dirname "$0")/../.." && [ -e .git ] || exit 0
commit=$(git describe --always --dirty --exclude '*') || exit 0
echo "Of commit $commit, $(git log -1 --format=%cs)."
