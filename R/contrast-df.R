#' Degrees of freedom of tests of the fixed effects
#'
#' The methods behind argument `ddf` of [summary()][summary.rlmm()], [anova()][anova.rlmm()],
#' [contest()], [drop1()][drop1.rlmm()], [step()] and [ls_means()].
#'
#' @details
#' **`"Satterthwaite"`** (the default). The estimated variance v of a contrast l'beta is a function
#' of theta and sigma; as many degrees of freedom as those of a chi-squared variable with the same
#' mean and variance: df = 2 v^2 / var(v) (Satterthwaite 1946; Giesbrecht and Burns 1985), where
#' var(v) is by the delta method from the inverse of the observed information. With sigma profiled
#' out,
#'
#' 1 / df = 1 / d + w'H^-1 w,  w = d log v / d theta,
#'
#' where d = n, or n - p for REML, and H is the Hessian of the profiled criterion in theta. So df is
#' never above d. The gradient w is exact. H is exact where that is cheap; otherwise it comes from
#' central differences of the exact gradient, good to about seven digits; where these would take
#' many times longer than the fit (only large models with many covariance parameters),
#' the average information stands in for it, and the printed tables say so. A hypothesis of several
#' contrasts is rotated to uncorrelated ones with nu_1, ..., nu_q degrees of freedom, whose sum of
#' squared t statistics has the mean E = sum of nu_m / (nu_m - 2) under the null hypothesis, as has
#' q times an F variable with q and 2 E / (E - q) degrees of freedom (Fai and Cornelius
#' 1996). Where a nu_m is 2 or less, 2 are taken.
#'
#' **`"Kenward-Roger"`**, for REML fits. The covariance of the fixed effects is adjusted for the
#' estimation of the variances, and F statistics are scaled, with degrees of freedom that match
#' their first two moments (Kenward and Roger 1997, section 3). It uses the expected information of
#' the variances. Nested designs of any size are quick. Crossed factors need dense matrices of the
#' size of all factors but the largest, and an error of class `rlmm_memory` where these do not fit.
#'
#' **`"none"`**: no degrees of freedom and no p values, as in lme4.
#'
#' @section Singular fits:
#' A variance of zero, or a correlation of one, is on the boundary of the parameter space. For
#' Satterthwaite's method directions of the covariance of a random-effects term that have no
#' variance leave the model: they are held at zero, and the others count. That is also what lmerTest
#' arrives at, up to the inexactness of its optimum and of its differences. Kenward and Roger's
#' expected information is not singular on the boundary, and all variances count there, as in
#' pbkrtest. Where df cannot be had, because the Hessian is not positive in a direction that
#' matters, they are `NA` with a warning of class `rlmm_ddf`; they are never infinite.
#' @references
#' Satterthwaite, F. E. (1946) An approximate distribution of estimates of variance components.
#' *Biometrics Bulletin* 2, 110-114.
#'
#' Giesbrecht, F. G. and Burns, J. C. (1985) Two-stage analysis based on a mixed model.
#' *Biometrics* 41, 477-486.
#'
#' Fai, A. H.-T. and Cornelius, P. L. (1996) Approximate F-tests of multiple degree of freedom
#' hypotheses in generalized least squares analyses of unbalanced split-plot experiments. *Journal
#' of Statistical Computation and Simulation* 54, 363-378.
#'
#' Kenward, M. G. and Roger, J. H. (1997) Small sample inference for fixed effects from restricted
#' maximum likelihood. *Biometrics* 53, 983-997.
#' @name rlmm-ddf
#' @examples
#' fit <- rlmm(Reaction ~ Days + (Days | Subject), sleepstudy)
#' coef(summary(fit))
#' coef(summary(fit, ddf = "Kenward-Roger"))
NULL

ddf_methods <- c("Satterthwaite", "Kenward-Roger", "none")

# lmerTest's word for none is taken, too.
match_ddf <- function(ddf) {
  if (identical(ddf, "lme4")) return("none")
  one_of(ddf, ddf_methods, "ddf")
}

# Denominator degrees of freedom of contrasts, one for each row of L, a k x p matrix on the
# coefficients names(fixef(object)).
contrast_df <- function(object, L, ddf = c("Satterthwaite", "Kenward-Roger", "none")) {
  tests <- fixed_tests(object, ddf)
  tests$df(contrast_rows(L, object))
}

# The covariance of the fixed effects that tests refer to, a base matrix.
vcov_for_tests <- function(object, ddf = c("Satterthwaite", "Kenward-Roger", "none")) {
  if (match_ddf(ddf) != "Kenward-Roger") return(vcov(object))
  fixed_tests(object, ddf)$vcov
}

# What all tests of one fit share, so that it is computed once: a list of class "rlmm_tests" with
#   ddf, beta, sigma, vcov; note: what the reader must be told;
#   df(L): degrees of freedom for each row;
#   joint(L): c(F, NumDF, DenDF) of all rows together, for L of full row rank, and rhs.
fixed_tests <- function(object, ddf) {
  ddf <- match_ddf(ddf)
  tests <- list(ddf = ddf, beta = object$beta, sigma = object$sigma, vcov = vcov(object))
  if (length(object$beta) == 0L) ddf <- "none"
  own <- switch(ddf,
    Satterthwaite = satterthwaite_tests(object),
    "Kenward-Roger" = kenward_roger_tests(object),
    none = list(df = function(L) rep(Inf, nrow(L)), joint = function(L, rhs) {
      c(wald_statistic(L, rhs, tests$beta, tests$vcov) / nrow(L), nrow(L), Inf)
    })
  )
  structure(utils::modifyList(tests, own), class = "rlmm_tests")
}

# A numeric matrix with a column for each coefficient.
contrast_rows <- function(L, object) {
  p <- length(object$beta)
  if (is.null(dim(L))) L <- matrix(L, nrow = 1L, dimnames = list(NULL, names(L)))
  if (!is.numeric(L) || length(dim(L)) != 2L || ncol(L) != p || !all(is.finite(L))) {
    stop_rlmm("bad_argument", paste0("'L' must be finite numbers, one column for each of the ", p,
      " coefficients ", quoted_list(names(object$beta))), column = "L")
  }
  storage.mode(L) <- "double"
  L
}

# q of R_X^-T l: in this basis the covariance is sigma^2 I.
whitened_contrasts <- function(object, L) {
  backsolve(object$RX, t(L), transpose = TRUE)
}

wald_statistic <- function(L, rhs, beta, covariance) {
  off <- L %*% beta - rhs
  sum(off * solve_scaled(L %*% covariance %*% t(L), off))
}

# On unit diagonal: the contrasts can have very different scales.
solve_scaled <- function(A, b) {
  unit <- 1 / sqrt(diag(A))
  unit * solve(A * outer(unit, unit), unit * b)
}

# Estimates and t tests of the rows of L.
t_table <- function(tests, L, rhs = 0, level = NULL) {
  estimate <- drop(L %*% tests$beta)
  se <- sqrt(rowSums((L %*% tests$vcov) * L))
  df <- tests$df(L)
  t <- (estimate - rhs) / se
  table <- cbind(Estimate = estimate, `Std. Error` = se, df = df, `t value` = t)
  if (!is.null(level)) {
    half <- stats::qt((1 + level) / 2, df) * se
    table <- cbind(table, lower = estimate - half, upper = estimate + half)
  }
  if (tests$ddf == "none") return(table[, colnames(table) != "df", drop = FALSE])
  cbind(table, `Pr(>|t|)` = 2 * stats::pt(-abs(t), df))
}

# The row of an analysis of variance for the hypothesis L beta = rhs; redundant rows of L do not
# count.
f_row <- function(tests, L, rhs = 0) {
  reduced <- independent_rows(L, rhs)
  if (nrow(reduced$L) == 0L) {
    return(data.frame("Sum Sq" = NA_real_, "Mean Sq" = NA_real_, NumDF = 0L, DenDF = NA_real_,
      "F value" = NA_real_, "Pr(>F)" = NA_real_, check.names = FALSE))
  }
  found <- tests$joint(reduced$L, reduced$rhs)
  mean_square <- found[1L] * tests$sigma^2
  data.frame("Sum Sq" = mean_square * found[2L], "Mean Sq" = mean_square,
    NumDF = as.integer(found[2L]), DenDF = found[3L], "F value" = found[1L],
    "Pr(>F)" = if (tests$ddf == "none") NA_real_ else
      stats::pf(found[1L], found[2L], found[3L], lower.tail = FALSE), check.names = FALSE)
}

# Rows that span the same hypothesis, and are independent.
independent_rows <- function(L, rhs = 0) {
  rhs <- rep_len(rhs, nrow(L))
  size <- sqrt(rowSums(L^2))
  keep <- size > 0
  if (any(rhs[!keep] != 0)) stop_contradiction()
  L <- L[keep, , drop = FALSE] / size[keep]
  rhs <- rhs[keep] / size[keep]
  if (nrow(L) < 2L) return(list(L = L, rhs = rhs))
  decomposition <- qr(t(L), tol = 1e-9)
  if (decomposition$rank == nrow(L)) return(list(L = L, rhs = rhs))
  kept <- sort(decomposition$pivot[seq_len(decomposition$rank)])
  weights <- qr.coef(qr(t(L[kept, , drop = FALSE])), t(L))
  if (any(abs(crossprod(weights, rhs[kept]) - rhs) > 1e-8 * (1 + abs(rhs)))) stop_contradiction()
  list(L = L[kept, , drop = FALSE], rhs = rhs[kept])
}

stop_contradiction <- function() {
  stop_rlmm("bad_argument", paste("the hypothesis contradicts itself: rows of 'L' that depend on",
    "one another have different values of 'rhs'"), column = "rhs")
}
