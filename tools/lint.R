# lint.R: runs lintr on R/, tests/ and tools/ with the settings in .lintr; fails on any finding.
found <- do.call(c, lapply(c("R", "tests", "tools"), function(directory) {
  lapply(lintr::lint_dir(directory, relative_path = FALSE), identity)
}))
for (lint in found) {
  cat(lint$filename, ":", lint$line_number, ": ", lint$message, " [", lint$linter, "]\n", sep = "")
}
cat(length(found), "findings of lintr\n")
quit(status = as.integer(length(found) > 0))
