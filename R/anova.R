#' Analysis of variance and comparison of models
#'
#' For one model, F tests of the terms of the fixed effects; for several, likelihood ratio tests.
#'
#' @param object,x A model fitted by [rlmm()]; for `print()`, what `anova()` gives.
#' @param ... Models to compare with it: fitted by [rlmm()], by `lme4::lmer()` or by [lm()]. The
#'   first argument must be one by [rlmm()], so that this method is called. For `print()`, handed to
#'   [print()] for class `anova`.
#' @param type For one model, the type of the hypotheses: `"I"`, `"II"` or `"III"` (or 1, 2, 3).
#' @param ddf For one model, how denominator degrees of freedom are found, see [rlmm-ddf].
#' @param vcov,cluster For one model, tests with a robust covariance, see [vcov.rlmm()].
#' @param refit What to do with models fitted by REML: `TRUE` fits them again by maximum likelihood,
#'   `"auto"` does so only where the comparison of their REML criteria would not be valid, because
#'   fixed effects differ or not all models are fitted by REML, `FALSE` never.
#' @param model.names Names for the models.
#' @param digits Number of significant digits.
#' @return A data frame of class `anova`, laid out as lme4's.
#'
#'   For one model a row for each term of the fixed effects but the intercept, with lmerTest's
#'   columns `Sum Sq`, `Mean Sq`, `NumDF`, `DenDF`, `F value` and `Pr(>F)`; the mean squares are F
#'   times the residual variance. The hypotheses are in attribute `hypotheses`, see [show_tests()].
#'   With `ddf = "none"` lme4's table: `npar`, and `Sum Sq`, `Mean Sq` and `F value` that are
#'   sequential, whatever `type` is.
#'
#'   For several models a row for each, those with few parameters first, with columns `npar`, `AIC`,
#'   `BIC`, `logLik`, `deviance` (minus twice the log-likelihood), `Chisq`, `Df` and `Pr(>Chisq)`,
#'   each model compared with that of the row above. There is one more column, `Pr(>mixture)`,
#'   where two models in sequence differ by one variance, see below. Attribute `comparison` says in
#'   words which criteria were compared.
#' @section Types of hypotheses:
#' Those of SAS. Type I: each term is adjusted for those before it. Type II: each term is adjusted
#' for all others that do not contain it. Both adjust by least squares within the columns of the
#' model matrix. Type III, the default: the estimable functions of the term that are orthogonal to
#' those of the terms that contain it; in a design without empty cells the margins of the table of
#' cell means are compared with equal weights, whatever contrasts the factors have. A term contains
#' another one if it is an interaction of the same numeric variables with more factors, so that the
#' test of a factor beside its interaction with a numeric variable is at the variable's zero.
#' Where cells are empty, they depend on which ones are (message `rlmm_redundant_columns`). A term
#' of which nothing can be tested has `NumDF` 0.
#' Where the contrasts of a factor are fewer than its levels allow, type III tests the coefficients
#' of each term as they are coded. [show_tests()] shows what is tested.
#' @section Valid comparisons:
#' A message (class `rlmm_comparison`) says whether REML fits were refitted or compared as they are.
#' REML criteria can be compared only where the fixed effects are the same, in the same coding. With
#' `refit = FALSE` there is a warning (`rlmm_reml_comparison`) where they are not, or where REML and
#' maximum likelihood are mixed; [AIC()] and [BIC()] of several models give the same warning.
#'
#' Models must have the same observations (otherwise error `rlmm_different_data`) and the same
#' response (`rlmm_different_response`). Where a model is not a special case of the one below, there
#' is a warning (`rlmm_not_nested`) and no test; AIC and BIC remain. Whether it is one is judged by
#' the model matrices and covariances, not by the formulas.
#' @section Tests of variances:
#' A variance of zero lies on the boundary of the parameter space, and the usual p value is too
#' large. Where the larger model has exactly one variance more, with the covariances that belong to
#' it, and everything else is the same, `Pr(>mixture)` refers to the 50:50 mixture of
#' chi-squared distributions with `Df - 1` and `Df` degrees of freedom. That needs the other
#' variances to be positive: where the smaller model is singular the column has `NA`.
#' @section Errors:
#' `rlmm_bad_argument` for a value that `refit` cannot have, or a model of another class in `...`;
#' see above for those about the comparison.
#' @seealso [contest()], [drop1.rlmm()], [ranova()].
#' @references
#' Self, S. G. and Liang, K.-Y. (1987) Asymptotic properties of maximum likelihood estimators and
#' likelihood ratio tests under nonstandard conditions. *Journal of the American Statistical
#' Association* 82, 605-610.
#'
#' SAS Institute Inc. *SAS/STAT User's Guide*, chapter "The four types of estimable functions".
#'
#' Stram, D. O. and Lee, J. W. (1994) Variance components testing in the longitudinal mixed effects
#' model. *Biometrics* 50, 1171-1177.
#' @examples
#' slopes <- rlmm(Reaction ~ Days + (Days | Subject), sleepstudy)
#' intercepts <- rlmm(Reaction ~ Days + (1 | Subject), sleepstudy)
#' anova(slopes)
#' anova(slopes, type = "I", ddf = "Kenward-Roger")
#' anova(slopes, intercepts, refit = "auto")
#' anova(slopes, intercepts, lm(Reaction ~ Days, sleepstudy))
#' @importFrom stats anova
#' @export
anova.rlmm <- function(object, ..., type = c("III", "II", "I"),
                       ddf = c("Satterthwaite", "Kenward-Roger", "none"), vcov = "model",
                       cluster = NULL, refit = TRUE, model.names = NULL) {
  others <- list(...)
  is_model <- vapply(others, inherits, NA, c("rlmm", "merMod", "lm"))
  if (!all(is_model)) stop_not_a_model(others, which(!is_model)[1L])
  if (length(others) == 0L) {
    if (match_ddf(ddf) == "none") return(sequential_table(object))
    return(anova_table(object, match_type(type), fixed_tests(object, ddf, vcov, cluster)))
  }
  if (!isTRUE(refit) && !isFALSE(refit) && !identical(refit, "auto")) {
    stop_rlmm("bad_argument", "'refit' must be TRUE, FALSE or \"auto\"", column = "refit")
  }
  fits <- c(list(object), others)
  expressions <- c(list(substitute(object)), as.list(substitute(list(...)))[-1L])
  labels <- model_labels(fits, expressions, model.names)
  models <- Map(model_parts, fits, labels)
  check_same_data(models)
  compare_models(models, refit)
}

stop_not_a_model <- function(others, i) {
  name <- names(others)[i]
  what <- if (is.null(name) || !nzchar(name)) paste("argument", i + 1L) else paste0("'", name, "'")
  stop_rlmm("bad_argument", paste0("anova() compares models by rlmm(), lmer() and lm(), and ", what,
    " is of class '", class(others[[i]])[1L], "'"), column = name)
}

match_type <- function(type) {
  if (is.numeric(type) && length(type) == 1L && type %in% 1:3) type <- c("I", "II", "III")[type]
  if (is.character(type) && length(type) == 1L && type %in% 1:3) {
    type <- c("I", "II", "III")[as.integer(type)]
  }
  if (length(type) == 1L && type %in% c("I", "II", "III")) return(type)
  one_of(type, c("III", "II", "I"), "type")
}

anova_table <- function(object, type, tests) {
  hypotheses <- hypotheses_of_terms(object, type)
  if (type == "III" && length(object$dropped)) {
    inform_rlmm("redundant_columns", paste0("the columns ", quoted_list(object$dropped),
      " are redundant; where cells of the design are empty, type III hypotheses depend on which ",
      "ones are: see show_tests()"), column = object$dropped)
  }
  structure(tests_of_terms(tests, hypotheses), hypotheses = hypotheses,
    heading = paste0("Type ", type, " Analysis of Variance Table with ", tests$method))
}

# A table of F tests, one row for each hypothesis.
tests_of_terms <- function(tests, hypotheses) {
  rows <- lapply(hypotheses, function(L) f_row(tests, L))
  table <- do.call(rbind, c(list(f_row(tests, matrix(0, 0L, length(tests$beta)))[0L, ]), rows))
  row.names(table) <- names(hypotheses)
  class(table) <- c("anova", "data.frame")
  table
}

# Squares of RX beta, summed by term: each column is adjusted for those before it.
sequential_table <- function(object) {
  terms <- attr(fixed_terms(object), "term.labels")
  assign <- attr(fixed_matrix(object), "assign")
  squares <- as.vector(object$RX %*% object$beta)^2
  by_term <- split(seq_along(assign), factor(assign, seq_along(terms)))
  kept <- lengths(by_term) > 0L
  by_term <- by_term[kept]
  npar <- lengths(by_term)
  sums <- vapply(by_term, function(columns) sum(squares[columns]), 0)
  table <- data.frame(as.integer(npar), sums, sums / npar, sums / npar / object$sigma^2)
  dimnames(table) <- list(terms[kept], c("npar", "Sum Sq", "Mean Sq", "F value"))
  structure(table, heading = "Analysis of Variance Table", class = c("anova", "data.frame"))
}

compare_models <- function(models, refit) {
  comparison <- choose_comparison(models, refit)
  for (i in which(comparison$refit)) models[[i]]$fit <- refitML(models[[i]]$fit)
  likelihoods <- lapply(seq_along(models), function(i) {
    stats::logLik(models[[i]]$fit, REML = comparison$REML[i])
  })
  order <- order(vapply(likelihoods, attr, 0, "df"))
  models <- unname(models[order])
  likelihoods <- likelihoods[order]
  table <- likelihood_table(models, likelihoods)
  comparison$signal()
  structure(table, comparison = comparison$text)
}

likelihood_table <- function(models, likelihoods) {
  value <- vapply(likelihoods, as.double, 0)
  npar <- vapply(likelihoods, attr, 0, "df")
  chisq <- c(NA, 2 * pmax(0, diff(value)))
  df <- c(NA, diff(npar))
  found <- lapply(seq_along(models)[-1L], function(i) nesting(models[[i - 1L]], models[[i]]))
  nested <- c(NA, vapply(found, isTRUE, NA))
  report_not_nested(models, found, df)
  chisq[!nested] <- NA
  df[!nested] <- NA
  p <- ifelse(df == 0, NA, stats::pchisq(chisq, df, lower.tail = FALSE))
  table <- data.frame(
    npar = npar, AIC = vapply(likelihoods, stats::AIC, 0), BIC = vapply(likelihoods, stats::BIC, 0),
    logLik = value, deviance = -2 * value, Chisq = chisq, Df = df, "Pr(>Chisq)" = p,
    row.names = vapply(models, `[[`, "", "name"), check.names = FALSE
  )
  boundary <- c(NA, vapply(seq_along(models)[-1L], function(i) {
    if (nested[i]) boundary_df(models[[i - 1L]], models[[i]]) else NA_integer_
  }, 1L))
  if (!all(is.na(boundary))) table[["Pr(>mixture)"]] <- mixture_p_value(chisq, boundary)
  structure(table, heading = comparison_heading(models), class = c("rlmm_anova", "anova",
    "data.frame"))
}

report_not_nested <- function(models, found, df) {
  # models with the same number of parameters have no test in any case
  bad <- which(!vapply(found, isTRUE, NA) & df[-1L] > 0)
  for (i in bad) {
    names <- c(models[[i]]$name, models[[i + 1L]]$name)
    warn_rlmm("not_nested", paste0("'", names[1L], "' is not a special case of '", names[2L],
      "', which lacks some of its ", found[[i]], "; there is no likelihood ratio test, only AIC ",
      "and BIC can be compared"), term = names)
  }
}

comparison_heading <- function(models) {
  data <- unique(unlist(lapply(models, `[[`, "data")))
  lines <- vapply(models, function(model) paste0(model$name, ": ", model$formula), "")
  c(if (length(data) == 1L) paste("Data:", data), "Models:", lines)
}

#' @rdname anova.rlmm
#' @export
print.rlmm_anova <- function(x, digits = max(getOption("digits") - 2L, 3L), ...) {
  names <- row.names(x)
  print_with_mixture(x, c("", paste(names[-length(names)], "in", names[-1L])), digits, ...)
}
