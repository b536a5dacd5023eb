# Tests of a variance of zero, which lies on the boundary of what a variance can be.

# The degrees of freedom d where the larger model has exactly one variance more, with its d - 1
# covariances: the statistic then follows a mixture of chi-squared distributions with d - 1 and d,
# in equal parts (Self and Liang 1987, case 5 and 6; Stram and Lee 1994, cases 1 and 3). NA where
# that does not apply: the models differ otherwise, or the smaller one is on the boundary itself.
boundary_df <- function(small, large) {
  if (!same_mean(small, large) || any(small$weights != large$weights)) return(NA_integer_)
  rest <- unmatched_terms(small$terms, large$terms)
  if (length(rest$large) != 1L) return(NA_integer_)
  new <- rest$large[[1L]]
  one_more <- if (length(rest$small) == 0L) ncol(new$Z) == 1L else
    length(rest$small) == 1L && ncol(new$Z) == ncol(rest$small[[1L]]$Z) + 1L &&
      term_is_nested(rest$small[[1L]], new)
  if (one_more && !is_on_boundary(small$fit)) ncol(new$Z) else NA_integer_
}

# Terms of either model that the other does not have.
unmatched_terms <- function(small, large) {
  for (i in rev(seq_along(small))) {
    same <- vapply(large, same_term, NA, small[[i]])
    if (!any(same)) next
    large <- large[-which(same)[1L]]
    small <- small[-i]
  }
  list(small = small, large = large)
}

is_on_boundary <- function(fit) !inherits(fit, "lm") && isSingular(fit)

mixture_p_value <- function(statistic, df) {
  # with no degree of freedom the distribution is a point at zero
  upper <- function(df) {
    ifelse(df == 0, as.double(statistic <= 0), stats::pchisq(statistic, df, lower.tail = FALSE))
  }
  (upper(df - 1) + upper(df)) / 2
}

# A table with column Pr(>mixture). The method for class anova formats one p value only, the last;
# the others follow, with a label for each row.
print_with_mixture <- function(x, labels, digits, ...) {
  mixture <- x[["Pr(>mixture)"]]
  shown <- x
  shown[["Pr(>mixture)"]] <- NULL
  class(shown) <- c("anova", "data.frame")
  print(shown, digits = digits, ...)
  tests <- which(!is.na(mixture))
  if (length(tests)) {
    cat("\nTest of one variance, p value of the chi-squared mixture:\n")
    p <- vapply(mixture[tests], format.pval, "", digits = max(1L, digits - 1L))
    cat(paste0("  ", labels[tests], ": Pr(>mixture) ", ifelse(startsWith(p, "<"), p,
      paste("=", p)), "\n"), sep = "")
  }
  invisible(x)
}
