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
#' many times longer than the fit (only large models with many covariance parameters; more than
#' option `rlmm.ddf_operations` says, by default 1e11, half a minute or so), the average information
#' stands in for it, and the printed tables say so. A hypothesis of several
#' contrasts is rotated to uncorrelated ones with nu_1, ..., nu_q degrees of freedom, whose sum of
#' squared t statistics has the mean E = sum of nu_m / (nu_m - 2) under the null hypothesis, as has
#' q times an F variable with q and 2 E / (E - q) degrees of freedom (Fai and Cornelius
#' 1996). Where a nu_m is 2 or less, 2 are taken.
#'
#' **`"Kenward-Roger"`**, for REML fits (Kenward and Roger 1997; as in Halekoh and Hojsgaard 2014).
#' V, the covariance of y, is linear in the variances and covariances gamma, V_s = dV / dgamma_s.
#' The covariance of the fixed effects, Phi = (X'V^-1 X)^-1, is adjusted for the estimation of
#' gamma:
#'
#' Phi_A = Phi + 2 Phi (sum over s, t of W_st (Q_st - P_s Phi P_t)) Phi,
#'
#' P_s = -X'V^-1 V_s V^-1 X,  Q_st = X'V^-1 V_s V^-1 V_t V^-1 X,
#'
#' where W is the inverse of the expected information of REML on gamma. The Wald statistic F of q
#' contrasts L, with Phi_A, is scaled, and lambda F referred to an F distribution with q and m
#' degrees of freedom that match its first two moments (their section 3): with
#' T = L'(L Phi L')^-1 L,
#'
#' A1 = sum of W_st tr(T Phi P_s Phi) tr(T Phi P_t Phi),
#' A2 = sum of W_st tr(T Phi P_s Phi T Phi P_t Phi),
#'
#' B = (A1 + 6 A2) / (2 q),  g = ((q + 1) A1 - (q + 4) A2) / ((q + 2) A2),
#' (c1, c2, c3) = (g, q - g, q + 2 - g) / (3 q + 2 (1 - g)),
#'
#' E = 1 / (1 - A2 / q),  v = (2 / q) (1 + c1 B) / ((1 - c2 B)^2 (1 - c3 B)),
#' rho = v / (2 E^2),
#'
#' m = 4 + (q + 2) / (q rho - 1),  lambda = m / (E (m - 2)).
#'
#' For one contrast lambda = 1 and m = 2 / A1. Nested designs of any size are quick. Crossed factors
#' need dense matrices of the size of all factors but the largest, and an error of class
#' `rlmm_memory` where these do not fit.
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
#' matters, or the data have no information on the variances that matter (as in `y ~ g + (1 | g)`),
#' they are `NA` with a warning of class `rlmm_ddf`; they are never infinite.
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
#'
#' Halekoh, U. and Hojsgaard, S. (2014) A Kenward-Roger approximation and parametric bootstrap
#' methods for tests in linear mixed models: the R package pbkrtest. *Journal of Statistical
#' Software* 59(9), 1-32. \doi{10.18637/jss.v059.i09}
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
  fixed_tests(object, ddf)$df(contrast_rows(L, object))
}

# The covariance of the fixed effects that tests refer to, a base matrix.
vcov_for_tests <- function(object, ddf = c("Satterthwaite", "Kenward-Roger", "none")) {
  if (match_ddf(ddf) != "Kenward-Roger") return(vcov(object))
  fixed_tests(object, ddf)$vcov
}

# What all tests of one fit share, so that it is computed once: a list of class "rlmm_tests" with
#   ddf, method (in words), note (what the reader must be told, if anything), beta, sigma, vcov;
#   df(L): degrees of freedom for each row;
#   joint(L, rhs): c(F, NumDF, DenDF) of all rows together, for L of full row rank, with the scale
#   that is part of F as an attribute.
fixed_tests <- function(object, ddf, vcov = "model", cluster = NULL) {
  ddf <- match_ddf(ddf)
  vcov <- one_of(vcov, vcov_types, "vcov")
  # what is held fixed has no part in the information
  if (length(object$fixed) && vcov == "model") ddf <- "none"
  tests <- list(ddf = ddf, beta = object$beta, sigma = object$sigma, vcov = stats::vcov(object))
  if (length(object$beta) == 0L) {
    tests$ddf <- "none"
    return(structure(c(tests, tests_without_df(tests)), class = "rlmm_tests"))
  }
  own <- if (vcov != "model") robust_tests(object, vcov, cluster, ddf) else switch(ddf,
    Satterthwaite = satterthwaite_tests(object),
    "Kenward-Roger" = kenward_roger_tests(object),
    none = tests_without_df(tests)
  )
  tests[names(own)] <- own
  structure(tests, class = "rlmm_tests")
}

tests_without_df <- function(tests) {
  joint <- function(L, rhs) {
    f_test(wald_statistic(L, rhs, tests$beta, tests$vcov) / nrow(L), nrow(L), Inf)
  }
  list(df = function(L) rep(Inf, nrow(L)), joint = joint)
}

f_test <- function(statistic, NumDF, DenDF, scale = 1) {
  structure(c(statistic * scale, NumDF, DenDF), scale = scale)
}

# A numeric matrix with a column for each coefficient.
contrast_rows <- function(L, object) {
  p <- length(object$beta)
  if (is.null(dim(L))) L <- t(as.matrix(L))
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

# (L beta - rhs)'(L V L')^-1 (L beta - rhs), on unit diagonal as contrasts can have very different
# scales; NA where a robust covariance of few clusters is singular.
wald_statistic <- function(L, rhs, beta, covariance) {
  V <- L %*% covariance %*% t(L)
  unit <- 1 / sqrt(diag(V))
  R <- tryCatch(chol(V * outer(unit, unit)), error = function(e) NULL)
  if (is.null(R) || min(diag(R)) < 1e-7) {
    warn_rlmm("ddf", paste("there is no joint test of", nrow(L), "contrasts: the covariance of",
      "their estimates is singular"))
    return(NA_real_)
  }
  sum(backsolve(R, unit * (L %*% beta - rhs), transpose = TRUE)^2)
}

# Estimates and t tests of the rows of L.
t_table <- function(tests, L, rhs = 0, level = NULL) {
  estimate <- drop(L %*% tests$beta)
  se <- sqrt(rowSums((L %*% tests$vcov) * L))
  df <- tests$df(L)
  t <- ifelse(se > 0, (estimate - rhs) / se, NA_real_)
  table <- cbind(Estimate = estimate, `Std. Error` = se, df = df, `t value` = t)
  if (!is.null(level)) {
    half <- stats::qt((1 + level) / 2, df) * se
    table <- cbind(table, lower = estimate - half, upper = estimate + half)
  }
  if (tests$ddf == "none") return(table[, colnames(table) != "df", drop = FALSE])
  cbind(table, `Pr(>|t|)` = 2 * stats::pt(-abs(t), df))
}

# The row of an analysis of variance for the hypothesis L beta = rhs; redundant rows of L do not
# count. Mean squares are those of F before it is scaled, as in lmerTest.
f_row <- function(tests, L, rhs = 0) {
  reduced <- independent_rows(L, rhs)
  found <- if (nrow(reduced$L)) tests$joint(reduced$L, reduced$rhs) else f_test(NA, 0, NA)
  mean_square <- found[1L] / attr(found, "scale") * tests$sigma^2
  p <- if (tests$ddf == "none") NA_real_ else
    stats::pf(found[1L], found[2L], found[3L], lower.tail = FALSE)
  data.frame("Sum Sq" = mean_square * found[2L], "Mean Sq" = mean_square,
    NumDF = as.integer(found[2L]), DenDF = found[3L], "F value" = found[1L], "Pr(>F)" = p,
    check.names = FALSE)
}

# Rows that span the same hypothesis, and are independent.
independent_rows <- function(L, rhs = 0) {
  rhs <- rep_len(rhs, nrow(L))
  size <- sqrt(rowSums(L^2))
  if (any(rhs[size == 0] != 0)) stop_contradiction()
  kept <- which(size > 0)
  if (length(kept) > 1L) {
    unit <- t(L[kept, , drop = FALSE] / size[kept])
    decomposition <- qr(unit, tol = 1e-9)
    first <- sort(decomposition$pivot[seq_len(decomposition$rank)])
    if (length(first) < length(kept)) {
      weights <- qr.coef(qr(unit[, first, drop = FALSE]), unit)
      values <- rhs[kept] / size[kept]
      off <- drop(crossprod(weights, values[first])) - values
      if (any(abs(off) > 1e-8 * (1 + abs(values)))) stop_contradiction()
    }
    kept <- kept[first]
  }
  list(L = L[kept, , drop = FALSE], rhs = rhs[kept])
}

stop_contradiction <- function() {
  stop_rlmm("bad_argument", paste("the hypothesis contradicts itself: rows of 'L' that depend on",
    "one another have different values of 'rhs'"), column = "rhs")
}
