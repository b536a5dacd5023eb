#' Estimated marginal means of a fit, by emmeans
#'
#' With the package emmeans, `emmeans()`, `emtrends()`, `ref_grid()`, `contrast()`, `pairs()`,
#' `joint_tests()` and all that builds on them work on a fit of [rlmm()].
#'
#' @section Degrees of freedom:
#' `mode` (or `lmer.df`) is `"kenward-roger"` (the default, unless
#' `emmeans::emm_options(lmer.df = )` says otherwise), `"satterthwaite"` or `"asymptotic"`, as for
#' lmer fits. The methods are our own, see [rlmm-ddf]: neither pbkrtest nor lmerTest is needed, and
#' there is no number of rows above which they are left out. Kenward and Roger's method is for REML
#' fits; for others Satterthwaite's is used and named below the table. So it is with `vcov.`.
#'
#' @section Data:
#' The grid is made from the variables kept with the fit, wherever it was made; data that have
#' changed since do not matter. Contrasts that a rank-deficient fit cannot estimate are `nonEst`.
#' With `weights = "proportional"` and the like, a row counts by its prior weight, if the fit has
#' weights.
#' @name rlmm-emmeans
#' @return Objects of class `emmGrid`, as emmeans gives them.
#' @examplesIf requireNamespace("emmeans", quietly = TRUE)
#' fit <- rlmm(Weight ~ Evit * Time + (Time | Pig), dietox)
#' emmeans::emmeans(fit, "Evit", at = list(Time = 6))
#' emmeans::emtrends(fit, pairwise ~ Evit, var = "Time", mode = "satterthwaite")
NULL

#' @exportS3Method emmeans::recover_data
recover_data.rlmm <- function(object, data = NULL, params = "pi", ...) {
  used <- used_rows(object$frame)
  if (is.null(data)) data <- original_data(object)[used, , drop = FALSE]
  call <- object$call
  if (is.null(call)) call <- quote(rlmm())
  terms <- stats::delete.response(fixed_terms(object))
  # constants, as the knots of a spline, are not variables of the grid
  constants <- setdiff(all.vars(terms), names(data))
  recovered <- emmeans::recover_data(call, terms, NULL, frame = object$frame[used, , drop = FALSE],
    data = data, params = c(params, constants), ...)
  # the name under which emmeans looks for prior weights
  weights <- frame_argument(object, "weights")[used]
  if (length(weights) == nrow(recovered)) recovered[["(weights)"]] <- weights
  recovered
}

#' @exportS3Method emmeans::emm_basis
emm_basis.rlmm <- function(object, trms, xlev, grid, mode = emmeans::get_emm_option("lmer.df"),
                           lmer.df, vcov., ...) {
  if (!missing(lmer.df)) mode <- lmer.df
  own_vcov <- missing(vcov.)
  tests <- emm_tests(object, mode, own_vcov)
  frame <- stats::model.frame(trms, grid, na.action = stats::na.pass, xlev = xlev)
  contrasts <- object$contrasts[intersect(names(object$contrasts), variable_names(trms))]
  X <- stats::model.matrix(trms, frame, contrasts.arg = if (length(contrasts)) contrasts)
  V <- if (own_vcov) tests$tests$vcov else if (is.function(vcov.)) vcov.(object, ...) else vcov.
  list(X = X, bhat = as.vector(fixef(object, add.dropped = TRUE)), nbasis = emm_nonest(object),
    V = as.matrix(V), dfargs = list(tests = tests$tests), misc = list(initMesg = tests$note),
    dffun = structure(function(k, dfargs) dfargs$tests$df(matrix(k, 1L)), mesg = tests$mode),
    model.matrix = emm_model_matrix(object))
}

# The tests behind a mode of emmeans, and what it prints below its tables.
emm_tests <- function(object, mode, own_vcov) {
  # ggeffects says "link" to models that it does not know, where lmer's are told "asymptotic"
  mode <- if (identical(mode, "link")) "asymptotic" else
    one_of(tolower(mode), c("kenward-roger", "satterthwaite", "asymptotic"), "mode")
  note <- NULL
  if (mode == "kenward-roger" && !(object$REML && own_vcov)) {
    note <- if (own_vcov) "Kenward and Roger's method is for REML fits" else
      "Kenward and Roger's method has a covariance matrix of its own"
    mode <- "satterthwaite"
  }
  tests <- fixed_tests(object, switch(mode, satterthwaite = "Satterthwaite",
    asymptotic = "none", "Kenward-Roger"))
  list(tests = tests, mode = mode, note = c(note, tests$note))
}

# A basis of what cannot be estimated; all can where no column was dropped.
emm_nonest <- function(object) {
  if (length(object$dropped) == 0L) return(matrix(NA))
  X <- full_fixed_matrix(object)[used_rows(object$frame), , drop = FALSE]
  estimability::nonest.basis(qr(X))
}

# The triangular factor of the weighted model matrix, for emmeans' argument `submodel`.
emm_model_matrix <- function(object) {
  X <- fixed_matrix(object)
  if (ncol(X) == 0L) return(NULL)
  structure(qr.R(qr(unname(X) * root_weights(object), LAPACK = FALSE, tol = 0)),
    dimnames = list(NULL, colnames(X)), assign = attr(X, "assign"))
}
