# Data with columns of many types, crossed and nested groups, and no structure in the response.
mixed_data <- function(n = 480) {
  set.seed(3)
  d <- data.frame(
    y = stats::rnorm(n), x = stats::rnorm(n), z = stats::runif(n, 1, 2),
    f = factor(sample(letters[1:3], n, TRUE)), o = factor(sample(1:3, n, TRUE), ordered = TRUE),
    l = sample(c(TRUE, FALSE), n, TRUE), ch = sample(c("p", "q", "r"), n, TRUE),
    g = factor(rep(1:24, length.out = n), levels = 1:30), k = rep(1:20, length.out = n),
    a = gl(6, n / 6), b = gl(5, n / 30, n), c = gl(4, 4, n),
    gc = sample(paste0("s", 1:40), n, TRUE), gd = sample(c(1.5, 2.25, 10), n, TRUE)
  )
  d$M <- cbind(u = stats::rnorm(n), v = stats::rnorm(n))
  d
}

# The error that an expression ends with; it must be one of rlmm's, of the given kind, and its
# message must match every pattern.
expect_rlmm_error <- function(expr, kind, ..., fields = list()) {
  e <- testthat::expect_error(expr, class = paste0("rlmm_", kind))
  testthat::expect_s3_class(e, "rlmm_error")
  for (pattern in c(...)) testthat::expect_match(conditionMessage(e), pattern, fixed = TRUE)
  for (name in names(fields)) testthat::expect_equal(e[[name]], fields[[name]])
  invisible(e)
}

# Z of a list of terms as lme4 arranges it: transposed, term by term, level by level.
transposed_Z <- function(terms, n) {
  do.call(rbind, lapply(terms, function(term) {
    p <- length(term$columns)
    Z <- if (is.null(term$Z)) matrix(1, n, 1) else term$Z
    Zt <- matrix(0, p * length(term$levels), n)
    for (k in seq_len(p)) Zt[cbind((term$codes - 1) * p + k, seq_len(n))] <- Z[, k]
    Zt
  }))
}

# lme4's reading of a formula, whatever it thinks of the design.
lme4_frame <- function(formula, data, ...) {
  none <- lme4::lmerControl(
    check.nobs.vs.nRE = "ignore", check.nobs.vs.nlev = "ignore", check.nobs.vs.rankZ = "ignore",
    check.nlev.gtr.1 = "ignore", check.rankX = "ignore"
  )
  arguments <- list(formula, quote(data), ..., control = none)
  suppressWarnings(suppressMessages(do.call(lme4::lFormula, arguments)))
}

# What a fitted model keeps of a frame, enough for random_terms() and fixed_matrix().
as_if_fitted <- function(frame) {
  frame$random <- lapply(frame$random, term_to_keep)
  structure(frame[c("formula", "frame", "random", "contrasts", "dropped")], class = "rlmm")
}
