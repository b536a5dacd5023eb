# Stores fits of this version with what they answer, in tests/testthat/saved/rlmm-<version>.rds.
# Run from the top of the project before a release, and when the fields of a fit change before that.
# The file of a version that has been released is never written again.

library(rlmm)
source("tests/testthat/saved/questions.R")

fits <- fits_to_save()
answers <- lapply(fits, ask, saved_questions)
file <- sprintf("tests/testthat/saved/rlmm-%s.rds", packageVersion("rlmm"))
saveRDS(list(fits = fits, answers = answers), file, version = 2, compress = "xz")
message(file, ": ", file.size(file), " bytes")
