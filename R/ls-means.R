#' Least-squares means of factors
#'
#' Means of the levels of the factors among the fixed effects, and of their combinations, as linear
#' functions of the coefficients, in lmerTest's layout.
#'
#' @param model A model fitted by [rlmm()], or by lmerTest.
#' @param which The terms of the fixed effects whose means are wanted. By default all that consist
#'   of factors alone.
#' @param level Level of the confidence intervals.
#' @param ddf How degrees of freedom are found, see [rlmm-ddf].
#' @param pairwise Differences of all pairs of means in place of the means?
#' @param vcov,cluster For tests with a robust covariance, see [vcov.rlmm()].
#' @param x What `ls_means()` gives.
#' @param digits Number of significant digits.
#' @param ... Handed to the methods.
#' @return A data frame of class `rlmm_ls_means` with a row for each mean or difference, and columns
#'   `Estimate`, `Std. Error`, `df`, `t value`, `lower`, `upper` and `Pr(>|t|)`. Attribute
#'   `hypotheses` has the functions of the coefficients, see [show_tests()].
#' @details
#' The functions of the coefficients are those of `emmeans::emmeans()`, which must be installed:
#' other factors are averaged over with equal weights, numeric variables stand at their means. An
#' offset does not count. P values are not adjusted for the number of comparisons; `emmeans` itself
#' does that, and more. Means that cannot be estimated, because of empty cells, are `NA`, with a
#' warning of class `rlmm_not_estimable`.
#' @section Errors:
#' `rlmm_no_method` without the package emmeans, `rlmm_bad_argument` for a `which` that is no term
#' of factors, or where a factor is made in the formula in a way that emmeans does not see through.
#' @references Searle, S. R., Speed, F. M. and Milliken, G. A. (1980) Population marginal means in
#'   the linear model: an alternative to least squares means. *The American Statistician* 34,
#'   216-221.
#' @examplesIf requireNamespace("emmeans", quietly = TRUE)
#' fit <- rlmm(Weight ~ Cu * Evit + Time + (1 | Pig), dietox)
#' ls_means(fit, "Cu")
#' ls_means(fit, "Cu", pairwise = TRUE, ddf = "Kenward-Roger")
#' @rawNamespace
#' S3method(lmerTest::ls_means, rlmm)
#' @export
ls_means <- function(model, ...) UseMethod("ls_means")

#' @export
ls_means.default <- function(model, ...) hand_to("lmerTest", "ls_means", model, ...)

#' @rdname ls_means
#' @export
ls_means.rlmm <- function(model, which = NULL, level = 0.95,
                          ddf = c("Satterthwaite", "Kenward-Roger", "none"), pairwise = FALSE,
                          vcov = "model", cluster = NULL, ...) {
  if (!requireNamespace("emmeans", quietly = TRUE)) {
    stop_rlmm("no_method", "ls_means() needs the package emmeans")
  }
  check_level(level)
  check_flag(pairwise, "pairwise")
  terms <- factor_terms(model, which)
  means <- lapply(terms, mean_functions, model = model)
  if (pairwise) means <- lapply(means, all_differences)
  tests <- fixed_tests(model, ddf, vcov, cluster)
  table <- each_table(tests, hypothesis(model, do.call(rbind, unname(means)), TRUE), 0, level)
  structure(table, hypotheses = means, response = names(model$frame)[1L],
    confidence_level = level, ddf = tests$ddf, method = tests$method,
    heading = "Least Squares Means table:\n", class = c("rlmm_ls_means", "ls_means", "data.frame"))
}

# The variables of each term of factors, by its name.
factor_terms <- function(model, which) {
  labels <- attr(fixed_terms(model), "term.labels")
  variables <- term_variables(model)
  known <- stats::setNames(variables$class, labels)[lengths(variables$numeric) == 0L]
  if (is.null(which)) which <- names(known)
  unknown <- setdiff(which, names(known))
  if (length(unknown) || length(which) == 0L) {
    stop_rlmm("bad_argument", paste0(if (length(unknown)) paste0(quoted_list(unknown),
      " is no term of factors"), if (length(unknown)) ", which are " else
      "the fixed effects have no term of factors", if (length(known)) quoted_list(names(known))),
    term = unknown[1L])
  }
  known[which]
}

# A row for each combination of levels.
mean_functions <- function(variables, model) {
  grid <- reference_grid(model)
  own <- lapply(variables, grid_variable, model = model, grid = grid)
  means <- suppressMessages(emmeans::emmeans(grid, unlist(own)))
  L <- means@linfct
  names <- Map(function(v, own) paste0(v, means@grid[[own]]), unname(variables), own)
  dimnames(L) <- list(do.call(paste, c(names, sep = ":")), colnames(full_fixed_matrix(model)))
  L
}

reference_grid <- function(model) {
  tryCatch(suppressMessages(emmeans::ref_grid(model, mode = "asymptotic")),
    error = function(e) {
      stop_rlmm("bad_argument", paste0("emmeans finds no reference grid (", conditionMessage(e),
        "): make factors columns of the data, and name these in the formula"))
    })
}

# What emmeans calls a factor of the model: that of factor(f) is f.
grid_variable <- function(name, model, grid) {
  known <- if (name %in% names(grid@levels)) name else all.vars(str2lang(name))
  levels <- length(unique(model$frame[[name]]))
  if (length(known) != 1L || length(grid@levels[[known]]) < levels) {
    stop_rlmm("bad_argument", paste0("emmeans does not find the levels of '", name,
      "': make it a column of the data, and name that in the formula"), term = name)
  }
  known
}

all_differences <- function(L) {
  if (nrow(L) < 2L) return(L[0L, , drop = FALSE])
  pairs <- utils::combn(nrow(L), 2L)
  D <- L[pairs[1L, ], , drop = FALSE] - L[pairs[2L, ], , drop = FALSE]
  rownames(D) <- paste(rownames(L)[pairs[1L, ]], "-", rownames(L)[pairs[2L, ]])
  D
}

#' @rdname ls_means
#' @export
print.rlmm_ls_means <- function(x, digits = max(getOption("digits") - 2L, 3L), ...) {
  cat(attr(x, "heading"), "\n", sep = "")
  table <- as.matrix(x)
  has_p <- "Pr(>|t|)" %in% colnames(table)
  stats::printCoefmat(table, digits = digits, has.Pvalue = has_p, P.values = has_p,
    cs.ind = which(colnames(table) %in% c("Estimate", "Std. Error", "lower", "upper")),
    tst.ind = match("t value", colnames(table)), zap.ind = which(colnames(table) == "df"))
  cat("\n  Confidence level: ", 100 * attr(x, "confidence_level"), "%\n", sep = "")
  cat("  Degrees of freedom method:", attr(x, "ddf"), "\n")
  invisible(x)
}
