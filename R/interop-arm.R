#' Simulation of the parameters of a fit, by arm
#'
#' With the package arm, `sim()`, `display()`, `se.coef()`, `se.ranef()`, `sigma.hat()`,
#' `extractDIC()` and `standardize()` work on a fit of [rlmm()]. All but `sim()` and `se.ranef()` go
#' by way of [as_merMod()], for which lme4 must be installed. `se.fixef()` is no generic function;
#' `se.coef(fit)$fixef` has the same numbers. `fitted()` of simulations takes `as_merMod(fit)` as
#' its second argument.
#'
#' @section sim():
#' `arm::sim(fit, n.sims = 100)` draws sigma from its posterior under a flat prior, sigma squared
#' times (n - p) over a chi-squared variable with n - p degrees of freedom, and then, given it and
#' the estimated theta, fixed and random effects from their joint normal distribution about the
#' estimates. It gives arm's class `sim.merMod`, with the slots `fixef` (draws in rows), `ranef` (a
#' list by grouping factor of arrays of draws by levels by effects) and `sigma`.
#' @return Objects of arm's own kinds; `sim()` is described above.
#' @references Gelman, A. and Hill, J. (2007) *Data Analysis Using Regression and
#'   Multilevel/Hierarchical Models*. Cambridge University Press, section 7.2.
#' @rawNamespace S3method(arm::sigma.hat, rlmm)
#' @name rlmm-arm
#' @examplesIf requireNamespace("arm", quietly = TRUE)
#' fit <- rlmm(Reaction ~ Days + (Days | Subject), sleepstudy)
#' draws <- arm::sim(fit, 200)
#' apply(draws@fixef, 2, sd)
NULL

# Draws of sigma, of the fixed effects (draws in rows) and of the random effects (arrays of draws by
# levels by effects).
posterior_draws <- function(object, n) {
  n <- check_count(n, "n.sims")
  df <- object$dims[["n"]] - object$dims[["p"]]
  sigma <- object$sigma * sqrt(df / stats::rchisq(n, df))
  joint <- joint_precision(object)
  factor <- Matrix::Cholesky(Matrix::forceSymmetric(joint$C), LDL = FALSE)
  size <- nrow(joint$C)
  standard <- matrix(stats::rnorm(size * n), size)
  errors <- Matrix::solve(factor, Matrix::solve(factor, standard, system = "Lt"), system = "Pt")
  errors <- as.matrix(joint$T %*% errors) * rep(sigma, each = size)
  center <- c(as.vector(sparse_Lambda(object) %*% object$u), object$beta)
  draws <- t(errors + center)
  q <- object$dims[["q"]]
  beta <- draws[, q + seq_along(object$beta), drop = FALSE]
  colnames(beta) <- names(object$beta)
  list(fixef = beta, ranef = effect_arrays(object, draws[, seq_len(q), drop = FALSE]),
    sigma = sigma)
}

effect_arrays <- function(object, draws) {
  n <- nrow(draws)
  sizes <- term_sizes(object)
  parts <- Map(function(term, at) {
    values <- array(draws[, at], c(n, length(term$columns), length(term$levels)))
    aperm(values, c(1L, 3L, 2L))
  }, object$random, unname(part_index(sizes * term_level_counts(object))))
  by_factor <- split(seq_along(parts), factor_of_term(object))
  arrays <- lapply(by_factor, function(terms) {
    columns <- unlist(lapply(object$random[terms], `[[`, "columns"))
    levels <- object$random[[terms[1L]]]$levels
    array(unlist(parts[terms]), c(n, length(levels), length(columns)),
      dimnames = list(NULL, levels, columns))
  })
  stats::setNames(arrays, factor_names(object))
}

# arm's own generics are of the kind S4.
arm_methods <- list(
  sim = function(object, n.sims = 100, ...) {
    draws <- posterior_draws(object, n.sims)
    do.call(methods::new, c(list(methods::getClass("sim.merMod", where = asNamespace("arm"))),
      draws))
  },
  display = function(object, ...) arm::display(as_merMod(object), ...),
  se.coef = function(object, ...) arm::se.coef(as_merMod(object), ...),
  standardize = function(object, ...) arm::standardize(as_merMod(object), ...)
)

sigma.hat.rlmm <- function(object, ...) arm::sigma.hat(as_merMod(object), ...)

#' @exportS3Method arm::extractDIC
extractDIC.rlmm <- function(fit, ...) arm::extractDIC(as_merMod(fit), ...)
