#' Covariance and standard errors of the variance parameters
#'
#' The observed information of the variance parameters at the estimates, inverted, on the scale that
#' is asked for.
#'
#' @param object A model fitted by [rlmm()].
#' @param scale `"sdcor"`: standard deviations and correlations; `"variance"`: variances and
#'   covariances; `"log"`: logarithms of standard deviations and Fisher's z of correlations, on
#'   which the estimates are closest to normal; `"theta"`: the relative covariance factors and
#'   log sigma, in which the fit was made.
#' @return `vcov_theta()` gives the covariance matrix, with the estimates as attribute `estimate`.
#'   `variance_parameters()` gives a data frame with one row for each parameter and columns
#'   `parameter`, `group`, `var1`, `var2`, `estimate` and `std_error`. Standard deviations of
#'   a term come before its correlations, sigma comes last.
#'
#'   A term that is singular lies on the boundary, where the information says nothing, as it does
#'   about a term with linearly dependent columns: its entries are `NA`, and those of the other
#'   parameters are given for that term held at its estimate.
#' @details
#' Minus twice the log-likelihood (or the REML criterion) f of theta and s = log sigma has
#' d2f/ds2 = 4 d with d = n, or n - p for REML, and d2f/ds dtheta = -2 d g, where g is the gradient
#' of log pwrss. The fitted criterion has s profiled out, and the exact second derivatives H in
#' theta. So the covariance of theta is V = 2 H^-1, that of theta and s is V g / 2, and the variance
#' of s is 1 / (2 d) + g'V g / 4. Other scales follow by the delta method.
#'
#' Some programs print standard errors of variances that are divided by sigma, and not those of the
#' variances themselves.
#' @section Errors: `rlmm_no_method` for anything but a fit by [rlmm()].
#' @references Bates, Maechler, Bolker & Walker (2015). Fitting linear mixed-effects models using
#'   lme4. Journal of Statistical Software 67(1), section 3.
#' @seealso [intervals.rlmm()]; [vcov.rlmm()] for the fixed effects.
#' @examples
#' fit <- rlmm(Reaction ~ Days + (Days | Subject), sleepstudy)
#' variance_parameters(fit)
#' variance_parameters(fit, "variance")
#' cov2cor(vcov_theta(fit, "log"))
#' @export
vcov_theta <- function(object, scale = c("sdcor", "variance", "log", "theta")) {
  check_fit(object, "vcov_theta")
  scale <- match.arg(scale)
  covariance <- vcov_theta_sigma(object)
  estimate <- c(object$theta, log(object$sigma))
  names(estimate) <- c(theta_names(object), "log(sigma)")
  if (scale != "theta") {
    change <- scale_change(object, scale)
    estimate <- change$estimate
    covariance <- delta_method(covariance, change$jacobian)
  }
  dimnames(covariance) <- list(names(estimate), names(estimate))
  structure(covariance, estimate = estimate)
}

#' @rdname vcov_theta
#' @export
variance_parameters <- function(object, scale = c("sdcor", "variance", "log")) {
  check_fit(object, "variance_parameters")
  scale <- match.arg(scale)
  covariance <- vcov_theta(object, scale)
  estimate <- attr(covariance, "estimate")
  data.frame(parameter = names(estimate), parameter_table(object), estimate = unname(estimate),
    std_error = sqrt(diag(covariance)), row.names = NULL)
}

check_fit <- function(object, name) {
  if (!inherits(object, "rlmm")) {
    stop_rlmm("no_method", paste0(name, "() is for models fitted by rlmm()"))
  }
}

# Covariance of (theta, log sigma), NA for the terms that are singular.
vcov_theta_sigma <- function(object) {
  refuse_constrained(object, "the covariance of the variance parameters")
  terms <- random_terms(object)
  hessian <- rust_result(rust_at(rust_state(object), object$theta, TRUE))$hessian
  free <- !theta_of_singular_terms(object, terms)
  m <- length(object$theta)
  out <- matrix(NA_real_, m + 1L, m + 1L)
  V <- matrix(0, 0, 0)
  if (any(free)) V <- 2 * invert_information(hessian[free, free, drop = FALSE])
  g <- gradient_log_pwrss(object, terms)[free]
  d <- residual_dimension(object)
  with_sigma <- drop(V %*% g) / 2
  at <- which(free)
  out[at, at] <- V
  out[at, m + 1L] <- out[m + 1L, at] <- with_sigma
  out[m + 1L, m + 1L] <- 1 / (2 * d) + sum(g * with_sigma) / 2
  out
}

# On unit diagonal first: theta of different columns can differ by orders of magnitude.
invert_information <- function(hessian) {
  scale <- sqrt(abs(diag(hessian)))
  R <- tryCatch(chol(hessian / outer(scale, scale)), error = function(e) NULL)
  if (is.null(R)) return(matrix(NA_real_, nrow(hessian), nrow(hessian)))
  chol2inv(R) / outer(scale, scale)
}

theta_of_singular_terms <- function(object, terms) {
  unknown <- vapply(term_findings(terms, object$theta), `[[`, "", "term")
  rep(vapply(terms, `[[`, "", "call") %in% unknown, parameters_by_term(object))
}

# d log pwrss / d theta. At the minimum over u and beta only the fit to the data depends on lambda:
# d pwrss / d lambda_i = -2 sum_j (Z'We)_j u_j', of which theta has the lower triangle.
gradient_log_pwrss <- function(object, terms) {
  w <- stats::model.weights(object$frame)
  e <- response_of(object) - linear_predictor(object)
  if (!is.null(w)) e <- ifelse(w > 0, w * e, 0)
  parts <- part_index(effects_by_term(object))
  unlist(Map(function(term, part) {
    u <- matrix(object$u[part], nrow = length(term$columns))
    inside <- !is.na(term$codes)
    Ze <- rowsum((left_matrix(term, length(e)) * e)[inside, , drop = FALSE],
      factor(term$codes[inside], seq_along(term$levels)))
    slope <- -2 * crossprod(Ze, t(u)) / object$cmp[["pwrss"]]
    slope[lower.tri(slope, diag = TRUE)]
  }, terms, unname(parts)))
}

# Estimates on another scale and their derivatives by (theta, log sigma).
scale_change <- function(object, scale) {
  m <- length(object$theta)
  positions <- unname(part_index(parameters_by_term(object)))
  parts <- Map(function(lambda, at) {
    change <- change_of_term(lambda, object$sigma, scale)
    wide <- matrix(0, nrow(change$jacobian), m + 1L)
    wide[, c(at, m + 1L)] <- change$jacobian
    list(estimate = change$estimate, jacobian = wide)
  }, lambda_list(object), positions)
  sigma <- object$sigma
  last <- switch(scale, sdcor = c(sigma, sigma), variance = c(sigma^2, 2 * sigma^2),
    log = c(log(sigma), 1))
  estimate <- c(unlist(lapply(parts, `[[`, "estimate")), last[1L])
  names(estimate) <- variance_parameter_names(object, scale)
  list(estimate = estimate,
    jacobian = rbind(do.call(rbind, lapply(parts, `[[`, "jacobian")), c(numeric(m), last[2L])))
}

# One term: its parameters, and their derivatives by the lower triangle of lambda and by log sigma.
change_of_term <- function(lambda, sigma, scale) {
  p <- nrow(lambda)
  Sigma <- sigma^2 * tcrossprod(lambda)
  entries <- which(lower.tri(lambda, diag = TRUE), arr.ind = TRUE)
  slopes <- lapply(seq_len(nrow(entries)), function(k) {
    # d Sigma / d lambda[a, b] = sigma^2 (E_ab lambda' + lambda E_ba)
    slope <- matrix(0, p, p)
    slope[entries[k, 1L], ] <- sigma^2 * lambda[, entries[k, 2L]]
    slope + t(slope)
  })
  slopes <- c(slopes, list(2 * Sigma))
  list(estimate = from_covariance(Sigma, scale)$estimate,
    jacobian = matrix(vapply(slopes, function(slope) from_covariance(Sigma, scale, slope)$slope,
      numeric(nrow(entries))), nrow = nrow(entries)))
}

# Parameters of a covariance matrix, diagonal ones first, and their change along `slope`.
from_covariance <- function(Sigma, scale, slope = Sigma) {
  low <- lower.tri(Sigma)
  v <- diag(Sigma)
  dv <- diag(slope)
  sd <- sqrt(v)
  rho <- (Sigma / outer(sd, sd))[low]
  relative <- dv / (2 * v)
  d_rho <- (slope / outer(sd, sd))[low] - rho * outer(relative, relative, `+`)[low]
  switch(scale,
    variance = list(estimate = c(v, Sigma[low]), slope = c(dv, slope[low])),
    sdcor = list(estimate = c(sd, rho), slope = c(dv / (2 * sd), d_rho)),
    log = list(estimate = c(log(sd), atanh(pmin(pmax(rho, -1), 1))),
      slope = c(relative, d_rho / (1 - rho^2)))
  )
}

# J V J' where V may have NA for parameters that a row of J does not use.
delta_method <- function(V, J) {
  unknown <- is.na(diag(V))
  undefined <- rowSums(J[, unknown, drop = FALSE] != 0 | is.na(J[, unknown, drop = FALSE])) > 0
  undefined <- undefined | rowSums(!is.finite(J)) > 0
  touches <- rowSums(!is.finite(J) | J != 0) > 0
  V[unknown, ] <- 0
  V[, unknown] <- 0
  J[!is.finite(J)] <- 0
  out <- J %*% V %*% t(J)
  out[undefined | !touches, ] <- NA
  out[, undefined | !touches] <- NA
  out
}

# Which effects each parameter is about, in the order of scale_change().
parameter_table <- function(object) {
  parts <- lapply(object$random, function(term) {
    p <- length(term$columns)
    low <- which(lower.tri(diag(p)), arr.ind = TRUE)
    data.frame(group = term$name, var1 = term$columns[c(seq_len(p), low[, 2L])],
      var2 = c(rep(NA_character_, p), term$columns[low[, 1L]]))
  })
  rbind(do.call(rbind, parts), data.frame(group = "Residual", var1 = NA, var2 = NA))
}

# The names of confint(), as sd_(Intercept)|g and cor_x.(Intercept)|g, and likewise on other scales.
variance_parameter_names <- function(object, scale = "sdcor") {
  prefix <- switch(scale, sdcor = c("sd", "cor"), variance = c("var", "cov"),
    log = c("logsd", "z"))
  table <- parameter_table(object)
  table <- table[-nrow(table), ]
  single <- is.na(table$var2)
  names <- ifelse(single, paste0(prefix[1L], "_", table$var1),
    paste0(prefix[2L], "_", table$var2, ".", table$var1))
  c(paste0(names, "|", table$group),
    switch(scale, sdcor = "sigma", variance = "sigma^2", log = "log(sigma)"))
}
