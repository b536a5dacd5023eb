# Usage: Rscript tools/check-log.R DIRECTORY (called by tools/check)
#
# Says what R CMD check found, from its directory, and fails on whatever is not expected.
directory <- commandArgs(TRUE)[1]
log <- readLines(file.path(directory, "00check.log"), warn = FALSE)
details <- tools::check_packages_in_dir_details(logs = file.path(directory, "00check.log"))
quiet <- c("OK", "NONE", "INFO", "Note_to_CRAN_maintainers")
found <- details[!details$Status %in% quiet, ]

# A package that no repository has yet is a new submission, a machine without network cannot ask
# for the time, and with compiled Rust code and pictures in vignettes the package takes more than
# the 5 MB from which R speaks of size.
expected <- c(
  "CRAN incoming feasibility" = "^New submission$",
  "for future file timestamps" = "^unable to verify current time$",
  "installed package size" = "^(installed size is|sub-directories of 1Mb or more:|R |doc |libs )"
)
is_expected <- function(check, status, output) {
  lines <- trimws(strsplit(output, "\n")[[1]])
  lines <- lines[nzchar(lines) & !grepl("^Maintainer:", lines)]
  status == "NOTE" && check %in% names(expected) && all(grepl(expected[[check]], lines))
}

allowed <- logical(nrow(found))
for (i in seq_len(nrow(found))) {
  allowed[i] <- is_expected(found$Check[i], found$Status[i], found$Output[i])
  cat(found$Status[i], if (allowed[i]) " (expected)", ": ", found$Check[i], "\n", sep = "")
}
finished <- grepl("^Status:", log)
cat(if (any(finished)) log[finished] else "The check did not finish.", "\n")

object <- file.path(directory, "rlmm", "libs", paste0("rlmm", .Platform$dynlib.ext))
if (file.exists(object)) {
  cat("installed shared object: ", round(file.size(object) / 2^20, 2), " MB\n", sep = "")
}
quit(status = if (any(finished) && all(allowed)) 0 else 1)
