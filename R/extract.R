#' Quantities of a fitted model
#'
#' The usual extractors, with the names and arguments they have in lme4.
#'
#' @param object,x A model fitted by [rlmm()].
#' @param add.dropped Should coefficients of redundant columns, which the fit left out, be there
#'   as `NA`?
#' @param REML Which criterion: that of restricted maximum likelihood (`TRUE`) or of maximum
#'   likelihood (`FALSE`) at the estimates. By default the one that was fitted.
#' @param tol Singular is a term in which some combination of effects has a standard deviation
#'   below `tol`, on the scale of the residual standard deviation and of the covariates.
#' @param explain Say which terms are singular, and in which direction?
#' @param type Accepted as in lme4: prior and working weights are the same in a linear model.
#' @param ... Not used.
#' @return
#' * `fixef()`: named vector of fixed-effects estimates, see [vcov.rlmm()] for their covariance.
#'   `sigma()`: residual standard deviation.
#' * `logLik()`: class `logLik`, with `df` (fixed effects, entries of theta and sigma) and `nobs`;
#'   `AIC()` and `BIC()` work from it. `deviance()`: minus twice the log-likelihood of maximum
#'   likelihood. `REMLcrit()`: the REML criterion, also at estimates of maximum likelihood.
#' * `nobs()`: rows used in the fit, those of weight zero not counted. `df.residual()`: `nobs` less
#'   the number of parameters. `ngrps()`: number of levels by grouping factor.
#' * `weights()`: prior weights, all one when none were given, padded with `NA` after `na.exclude`.
#' * `isREML()`, `isLMM()`, `isGLMM()`, `isNLMM()`, `isSingular()`: `TRUE` or `FALSE`. `family()`:
#'   gaussian. With `explain`, `isSingular()` gives a data frame with a row for each singular term:
#'   the `term`, and a `text` that names the combination of its effects without variance, as the
#'   message of the fit does; [rePCA()] has the numbers.
#' * `getData()`: the data of the call if they are still to be found and have not changed in what
#'   the model uses, otherwise the variables of the model for the rows of the fit. `na.action()`:
#'   the rows left out because of missing values, `NULL` if there are none.
#' @section Warnings:
#' `deviance()` of a REML fit gives the REML criterion with a warning of class
#' `rlmm_reml_deviance`; say `REML = FALSE` for the deviance at the REML estimates.
#' @examples
#' fit <- rlmm(Reaction ~ Days + (Days | Subject), sleepstudy)
#' fixef(fit)
#' sigma(fit)
#' logLik(fit)
#' REMLcrit(fit)
#' isSingular(fit)
#' @name extract.rlmm
NULL

#' @rdname extract.rlmm
#' @export
fixef.rlmm <- function(object, add.dropped = FALSE, ...) {
  if (!add.dropped || length(object$dropped) == 0) return(object$beta)
  columns <- colnames(full_fixed_matrix(object))
  stats::setNames(object$beta[columns], columns)
}

#' @rdname extract.rlmm
#' @importFrom stats sigma
#' @export
sigma.rlmm <- function(object, ...) object$sigma

# Parameters that fit_constrained() holds fixed do not count.
n_parameters <- function(object) {
  length(object$beta) + length(object$theta) + 1L - length(object$fixed)
}

# Either criterion at the estimates: JSS 67(1), equations 34 and 41, less the weights' part.
criterion_at_estimates <- function(object, REML) {
  stored <- object$cmp[[if (REML) "REML" else "dev"]]
  if (!is.na(stored)) return(stored)
  cmp <- object$cmp
  df <- object$dims[["n"]] - if (REML) object$dims[["p"]] else 0
  w <- stats::model.weights(object$frame)
  log_weights <- if (is.null(w)) 0 else sum(log(w[w > 0]))
  cmp[["ldL2"]] + (if (REML) cmp[["ldRX2"]] else 0) +
    df * (1 + log(2 * pi * cmp[["pwrss"]] / df)) - log_weights
}

#' @rdname extract.rlmm
#' @importFrom stats logLik
#' @export
logLik.rlmm <- function(object, REML = NULL, ...) {
  if (is.null(REML)) REML <- object$REML
  n <- nobs(object)
  structure(-criterion_at_estimates(object, REML) / 2,
    nall = n, nobs = n, df = n_parameters(object), class = "logLik"
  )
}

#' @rdname extract.rlmm
#' @importFrom stats deviance
#' @export
deviance.rlmm <- function(object, REML = NULL, ...) {
  if (is.null(REML) && object$REML) {
    warn_rlmm("reml_deviance", paste(
      "the REML criterion is not a deviance: use REMLcrit() for it,",
      "or deviance(object, REML = FALSE) for the deviance at the REML estimates"
    ))
  }
  criterion_at_estimates(object, if (is.null(REML)) object$REML else REML)
}

#' @rdname extract.rlmm
#' @export
REMLcrit <- function(object) {
  if (!inherits(object, "rlmm")) return(hand_to_lme4("REMLcrit", object))
  criterion_at_estimates(object, TRUE)
}

#' @rdname extract.rlmm
#' @importFrom stats nobs
#' @export
nobs.rlmm <- function(object, ...) object$dims[["n"]]

#' @rdname extract.rlmm
#' @importFrom stats df.residual
#' @export
df.residual.rlmm <- function(object, ...) nobs(object) - n_parameters(object)

#' @rdname extract.rlmm
#' @export
ngrps.rlmm <- function(object, ...) {
  first <- !duplicated(factor_of_term(object))
  stats::setNames(term_level_counts(object)[first], factor_names(object))
}

#' @rdname extract.rlmm
#' @importFrom stats weights
#' @export
weights.rlmm <- function(object, type = c("prior", "working"), ...) {
  match.arg(type)
  w <- stats::model.weights(object$frame)
  if (is.null(w)) w <- rep(1, nrow(object$frame))
  stats::naresid(attr(object$frame, "na.action"), w)
}

#' @rdname extract.rlmm
#' @importFrom stats family
#' @export
family.rlmm <- function(object, ...) stats::gaussian()

#' @rdname extract.rlmm
#' @export
isREML.rlmm <- function(x, ...) x$REML

#' @rdname extract.rlmm
#' @export
isLMM.rlmm <- function(x, ...) TRUE

#' @rdname extract.rlmm
#' @export
isGLMM.rlmm <- function(x, ...) FALSE

#' @rdname extract.rlmm
#' @export
isNLMM.rlmm <- function(x, ...) FALSE

#' @rdname extract.rlmm
#' @importFrom stats na.action
#' @export
na.action.rlmm <- function(object, ...) attr(object$frame, "na.action")

#' @rdname extract.rlmm
#' @export
isSingular <- function(x, tol = 1e-4, explain = FALSE) {
  if (!inherits(x, "rlmm")) return(hand_to_lme4("isSingular", x, tol = tol))
  found <- singular_directions(random_terms(x), x$theta, tol)
  if (!explain) return(length(found) > 0L)
  data.frame(term = vapply(found, `[[`, "", "term"), text = vapply(found, `[[`, "", "text"))
}
