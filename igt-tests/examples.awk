# SPDX-License-Identifier: MIT
# Copyright © 2026 dmabuf-mmap authors
#
# awk -f examples.awk PAGE...: the lines of all examples in C of these pages of the
# kernel's documentation, one after the other, under the licence of the page
/^\.\. SPDX-License-Identifier: / { sub(/^\.\. /, ""); print "/* " $0 " */" }
/^\.\. code-block:: c$/ { on = 1; next }
on && /^[^[:space:]]/ { on = 0 }
on { sub(/^\t/, ""); print }
