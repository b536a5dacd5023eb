# What a verbose fit prints, and the progress of one that takes long.

# Seconds of computing from which progress is shown before anybody has waited for it.
LONG <- 3

print_sizes <- function(frame) {
  cat(if (frame$REML) "REML" else "Maximum likelihood", " fit of ",
    counted(used_row_count(frame$frame), "observation"), ": ",
    counted(ncol(frame$X), "fixed effect"), ", ",
    counted(theta_length(frame$random), "covariance parameter"), "\n", sep = "")
  for (term in frame$random) {
    cat("  (", term$call, "): ", counted(length(term$levels), "level"), ", ",
      counted(length(term$columns), "column"), "\n", sep = "")
  }
}

# "1 level", "50,000 levels", "4.1 million operations"
counted <- function(n, what) {
  number <- if (n < 1e6) with_commas(signif(n, 6)) else if (n < 1e9) {
    paste(with_commas(signif(n / 1e6, 3)), "million")
  } else {
    paste(with_commas(signif(n / 1e9, 3)), "billion")
  }
  paste0(number, " ", what, if (n != 1) "s")
}

with_commas <- function(n) format(n, big.mark = ",", scientific = FALSE)

bytes_text <- function(bytes) {
  if (bytes < 1e9) return(paste(format(signif(bytes / 1e6, 2), scientific = FALSE), "MB"))
  paste(with_commas(signif(bytes / 1e9, 2)), "GB")
}

# Two lines.
factorisation_text <- function(f) {
  remaining <- if (f$trailing_size > 0) {
    paste0(", the other ", with_commas(f$trailing_size), " as a ", f$kind, " matrix (",
      bytes_text(f$trailing_bytes), ")")
  }
  paste0("Factorisation: the ", counted(f$leading_size, "effect"), " of ", f$leading,
    " level by level", remaining, "\nCost of an evaluation: about ",
    counted(signif(f$operations, 2), "operation"), " with ", counted(f$threads, "thread"))
}

outcome_text <- function(opt) {
  paste0(opt$stopped, " after ", counted(opt$evaluations, "evaluation"), "; ",
    opt$certificate$text)
}

# Before rows are read, should that take long: about 40 million numbers a second.
announce_reading <- function(frame) {
  columns <- ncol(frame$X) + sum(lengths(lapply(frame$random, `[[`, "columns")) + 1L)
  rows <- length(frame$y)
  if (as.double(rows) * columns > LONG * 4e7) cat("Reading ", counted(rows, "row"), "\n", sep = "")
}

# Seconds after which the steps of a search are printed: at once, after lines on what is being
# done, if ten evaluations with their derivatives are expected to take long.
progress_after <- function(factorisation) {
  speed <- if (factorisation$kind == "dense") 1e10 else 5e8
  if (30 * factorisation$operations < LONG * speed) return(2)
  cat(factorisation_text(factorisation), "\n", sep = "")
  0
}
