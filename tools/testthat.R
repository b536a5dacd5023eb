# Usage: Rscript tools/testthat.R FILE (called by tools/test)
#
# Runs the tests on the installed package and writes two numbers to FILE: test blocks
# passed and failed.
suppressPackageStartupMessages(library(testthat))

results <- as.data.frame(test_local(
  ".", reporter = "summary", load_package = "installed", stop_on_failure = FALSE
))
bad <- results$failed > 0 | results$error
skipped <- results$skipped & !bad

cat("R tests: ", sum(!bad & !skipped), " passed, ", sum(bad), " failed, ",
    sum(skipped), " skipped\n", sep = "")
slow <- head(results[order(-results$real), ], 3)
times <- paste0(slow$test, " (", round(slow$real, 1), " s)")
cat("slowest: ", paste(times, collapse = "; "), "\n", sep = "")
cat(sum(!bad & !skipped), sum(bad), "\n", file = commandArgs(TRUE)[1])
