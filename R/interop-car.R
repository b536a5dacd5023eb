#' Tests and diagnostics of a fit, by car
#'
#' With the package car, these functions work on a fit of [rlmm()]: `Anova()`, `linearHypothesis()`,
#' `vif()`, `deltaMethod()`, `Confint()`, `matchCoefs()`, and by way of [as_merMod()], for which
#' lme4 must be installed, `influencePlot()`, `infIndexPlot()`, `outlierTest()`,
#' `powerTransform()` and `S()`. `infIndexPlot()` of what [influence.rlmm()] gives is its plot.
#'
#' @section Tests:
#' `Anova()` of type II tests each term after all others but those that contain it, of type III
#' after all others. `test.statistic = "Chisq"` (the default) is the Wald statistic; `"F"` has our
#' own degrees of freedom, see [rlmm-ddf], by the method of Kenward and Roger for REML fits and
#' Satterthwaite's for others, or by `ddf`. They do not need pbkrtest. Terms whose columns the fit
#' dropped have fewer degrees of freedom. `linearHypothesis()` has the same choice.
#'
#' `influencePlot()` and `outlierTest()` have lme4's residuals, which are our [rstandard()], see
#' [leverage].
#' @references Fox, J. (2016) *Applied Regression Analysis and Generalized Linear Models*, 3rd ed.,
#'   Sage, section 9.1. Fox, J. and Monette, G. (1992) Generalized collinearity diagnostics.
#'   *Journal of the American Statistical Association* 87, 178-183.
#' @name rlmm-car
#' @examplesIf requireNamespace("car", quietly = TRUE)
#' fit <- rlmm(Weight ~ Evit * Time + (1 | Pig), dietox)
#' car::Anova(fit)
#' car::Anova(fit, type = "III", test.statistic = "F", ddf = "Satterthwaite")
#' car::linearHypothesis(fit, c("EvitEvit100 = 0", "EvitEvit200 = 0"))
NULL

#' @exportS3Method car::Anova
Anova.rlmm <- function(mod, type = c("II", "III", 2, 3), test.statistic = c("Chisq", "F"),
                       vcov. = NULL, singular.ok = TRUE, ddf = NULL, ...) {
  type <- as.character(type)[1L]
  type <- switch(type, `2` = , II = "II", `3` = , III = "III", one_of(type, c("II", "III"), "type"))
  test <- one_of(test.statistic, c("Chisq", "F"), "test.statistic")
  tests <- car_tests(mod, test, vcov., ddf)
  hypotheses <- term_hypotheses(mod, type, tests$vcov)
  rows <- t(vapply(hypotheses, function(L) car_test(tests, L, numeric(nrow(L)), test), numeric(4)))
  car_table(rows, names(hypotheses), test, c(paste0("Wald ", if (test == "F") paste0("F tests (",
    tests$ddf, " df)") else "chi-squared tests", ", type ", type, "\n"),
  paste("Response:", names(mod$frame)[1L])))
}

# What the tests refer to: a covariance given by the user, or that of a method.
car_tests <- function(object, test, vcov., ddf) {
  if (is.null(ddf)) ddf <- if (object$REML) "Kenward-Roger" else "Satterthwaite"
  tests <- fixed_tests(object, if (test == "F") ddf else "none")
  if (is.null(vcov.)) return(tests)
  if (test == "F") {
    stop_rlmm("bad_argument", paste0("F tests have the covariance matrix of their method; ",
      "'vcov.' is for test.statistic = \"Chisq\""), column = "vcov.")
  }
  tests$vcov <- as.matrix(if (is.function(vcov.)) vcov.(object) else vcov.)
  tests
}

# Contrasts of each term, by its name. Type II: the term's columns, with what the terms that
# contain it say of them taken out, so that its statistic is the one of both less the one of these.
term_hypotheses <- function(object, type, V) {
  assign <- attr(fixed_matrix(object), "assign")
  terms <- fixed_terms(object)
  contained <- attr(terms, "factors")
  identity <- diag(length(assign))
  rows <- function(which) identity[assign %in% which, , drop = FALSE]
  labels <- attr(terms, "term.labels")
  hypotheses <- lapply(seq_along(labels), function(i) {
    L <- rows(i)
    above <- if (type == "II") which(vapply(seq_along(labels), function(j) {
      j != i && all(contained[contained[, i] > 0, j, drop = FALSE] > 0)
    }, NA))
    B <- rows(above)
    if (length(above) == 0L || nrow(B) == 0L || nrow(L) == 0L) return(L)
    L - L %*% V %*% t(B) %*% solve(B %*% V %*% t(B), B)
  })
  names(hypotheses) <- labels
  if (type == "III" && 0 %in% assign) {
    hypotheses <- c(list(`(Intercept)` = rows(0)), hypotheses)
  }
  hypotheses[vapply(hypotheses, nrow, 0L) > 0L]
}

# Statistic, degrees of freedom and p value of L beta = rhs.
car_test <- function(tests, L, rhs, test) {
  if (test == "F") {
    found <- tests$joint(L, rhs)
    return(c(found, stats::pf(found[1L], found[2L], found[3L], lower.tail = FALSE)))
  }
  chisq <- wald_statistic(L, rhs, tests$beta, tests$vcov)
  c(chisq, nrow(L), Inf, stats::pchisq(chisq, nrow(L), lower.tail = FALSE))
}

car_table <- function(rows, names, test, heading) {
  columns <- if (test == "F") list(F = rows[, 1L], Df = rows[, 2L], Df.res = rows[, 3L],
    `Pr(>F)` = rows[, 4L]) else list(Chisq = rows[, 1L], Df = rows[, 2L], `Pr(>Chisq)` = rows[, 4L])
  structure(data.frame(columns, row.names = names, check.names = FALSE), heading = heading,
    class = c("anova", "data.frame"))
}

#' @exportS3Method car::linearHypothesis
linearHypothesis.rlmm <- function(model, hypothesis.matrix, rhs = NULL, test = c("Chisq", "F"),
                                  vcov. = NULL, singular.ok = TRUE, verbose = FALSE, ddf = NULL,
                                  ...) {
  test <- one_of(test, c("Chisq", "F"), "test")
  tests <- car_tests(model, test, vcov., ddf)
  names <- names(model$beta)
  if (is.character(hypothesis.matrix)) {
    given <- car::makeHypothesis(names, hypothesis.matrix, rhs)
    given <- if (is.null(dim(given))) t(given) else given
    L <- given[, -ncol(given), drop = FALSE]
    rhs <- given[, ncol(given)]
  } else {
    L <- contrast_rows(hypothesis.matrix, model)
    rhs <- rep_len(if (is.null(rhs)) 0 else rhs, nrow(L))
  }
  found <- car_test(tests, L, rhs, test)
  columns <- if (test == "F") {
    list(Res.Df = c(found[3L] + found[2L], found[3L]), Df = c(NA, found[2L]), F = c(NA, found[1L]),
      `Pr(>F)` = c(NA, found[4L]))
  } else {
    list(Df = c(NA, found[2L]), Chisq = c(NA, found[1L]), `Pr(>Chisq)` = c(NA, found[4L]))
  }
  structure(data.frame(columns, check.names = FALSE),
    heading = c("Linear hypothesis test\n", "Hypothesis:",
      car::printHypothesis(L, rhs, names), "", paste0("Model 1: restricted model\nModel 2: ",
        text_of(model$formula), "\n")),
    value = L %*% tests$beta, vcov = L %*% tests$vcov %*% t(L), class = c("anova", "data.frame"))
}

# Generalised variance inflation factors (Fox and Monette 1992, equation 10) of the terms.
#' @exportS3Method car::vif
vif.rlmm <- function(mod, ...) {
  assign <- attr(fixed_matrix(mod), "assign")
  labels <- attr(fixed_terms(mod), "term.labels")
  R <- stats::cov2cor(vcov(mod)[assign > 0, assign > 0, drop = FALSE])
  assign <- assign[assign > 0]
  present <- unique(assign)
  if (length(present) < 2L) {
    stop_rlmm("bad_argument", "vif() is for models with two or more terms in the fixed effects")
  }
  log_det <- function(which) {
    determinant(R[which, which, drop = FALSE], logarithm = TRUE)$modulus
  }
  factors <- vapply(present, function(i) {
    exp(log_det(assign == i) + log_det(assign != i) - log_det(rep(TRUE, length(assign))))
  }, 0)
  df <- tabulate(assign)[present]
  if (all(df == 1L)) return(stats::setNames(factors, labels[present]))
  matrix(c(factors, df, factors^(1 / (2 * df))), ncol = 3L,
    dimnames = list(labels[present], c("GVIF", "Df", "GVIF^(1/(2*Df))")))
}

#' @exportS3Method car::deltaMethod
deltaMethod.rlmm <- function(object, g., vcov. = vcov(object),
                             parameterNames = names(fixef(object)), ..., envir = parent.frame()) {
  if (is.function(vcov.)) vcov. <- vcov.(object)
  beta <- stats::setNames(fixef(object), parameterNames)
  car::deltaMethod(beta, g., vcov. = vcov., ..., envir = envir)
}

#' @exportS3Method car::Confint
Confint.rlmm <- function(object, estimate = TRUE, level = 0.95, ...) {
  limits <- intervals(object, level, "fixed")$fixed[, c("lower", "upper"), drop = FALSE]
  colnames(limits) <- percent_names(c(1 - level, 1 + level) / 2)
  if (estimate) cbind(Estimate = fixef(object), limits) else limits
}

#' @exportS3Method car::matchCoefs
matchCoefs.rlmm <- function(model, pattern, coef. = fixef(model), ...) {
  grep(pattern, names(coef.), value = TRUE)
}

#' @exportS3Method car::influencePlot
influencePlot.rlmm <- function(model, ...) car::influencePlot(as_merMod(model), ...)

#' @exportS3Method car::infIndexPlot
infIndexPlot.rlmm <- function(model, ...) car::infIndexPlot(as_merMod(model), ...)

#' @exportS3Method car::infIndexPlot
infIndexPlot.rlmm_influence <- function(model, ...) plot(model, ...)

#' @exportS3Method car::outlierTest
outlierTest.rlmm <- function(model, ...) car::outlierTest(as_merMod(model), ...)

#' @exportS3Method car::powerTransform
powerTransform.rlmm <- function(object, ...) car::powerTransform(as_merMod(object), ...)

#' @exportS3Method car::S
S.rlmm <- function(object, ...) car::S(as_merMod(object), ...)
