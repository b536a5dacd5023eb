#' Fitted values and predictions
#'
#' `fitted()` gives X beta + Z b + offset for the rows of the fit, `predict()` also for new data,
#' other parameter values, and any choice of the random effects.
#'
#' @param object A model fitted by [rlmm()].
#' @param newdata A data frame with the variables of the model; the response is not needed. Without
#'   it, the rows of the fit.
#' @param newparams A list with any of `beta`, `theta` and `sigma`, to use in place of the
#'   estimates. The spherical effects u stay those of the fit.
#' @param re.form The random effects to include: all (`NULL`), none (`NA` or `~0`), or those of a
#'   one-sided formula such as `~ (1 | g)`, which may name a part of the columns of a term.
#' @param random.only Leave out the fixed effects and the offset?
#' @param type Accepted as in lme4; both are the same in a linear model.
#' @param allow.new.levels Predict for levels that the fit has not seen, and for missing ones, with
#'   random effects of zero?
#' @param na.action What to do with missing values in `newdata`: `na.pass` gives `NA` for them.
#' @param se.fit Also give standard errors?
#' @param interval `"confidence"` for the predicted mean, `"prediction"` for a new observation.
#' @param level Probability that the interval is to have.
#' @param df Degrees of freedom of the t quantile, one number or one for each row; `Inf` for the
#'   normal distribution.
#' @param weights Prior weights of the observations that a prediction interval is for; by default
#'   those of the fit for its own rows, one for new data.
#' @param ... Nothing else is accepted.
#' @return A vector named by the rows, padded with `NA` for rows that `na.exclude` left out. Terms
#'   whose basis depends on the data, as `poly()` or `scale()`, keep the basis of the fit. An offset
#'   given as argument of [rlmm()] is evaluated in `newdata`.
#'
#'   With `interval`, a matrix with columns `fit`, `lwr` and `upr`; with `se.fit`, a list of `fit`,
#'   `se.fit`, `df` and `residual.scale`, as for `lm` fits.
#' @section Standard errors and intervals:
#' They cover the uncertainty of the fixed effects and of the random effects jointly, theta and
#' sigma taken as known. A level that the fit has not seen (`allow.new.levels`) has a random effect
#' of unknown size, whose whole variance is added; lme4 counts it as known to be zero. Random
#' effects that `re.form` leaves out do not count in the standard error or a confidence interval,
#' which are then for the mean of the population. A prediction interval is for an observation whose
#' left-out random effects are drawn anew, so that `re.form = NA` is for an observation of a new
#' level of every factor; it has the residual variance on top.
#' @section Errors:
#' Class `rlmm_new_levels` for a level that the fit has not seen, with fields `term` and `level`;
#' `rlmm_missing_group` for `NA` in a grouping factor; `rlmm_re_form` when `re.form` names a
#' grouping factor or a column that the model does not have; `rlmm_newdata`,
#' `rlmm_newparams` and `rlmm_bad_argument` for the others.
#' @references
#' Henderson, C. R. (1975) Best linear unbiased estimation and prediction under a selection model.
#' *Biometrics* 31, 423-447.
#'
#' McLean, R. A., Sanders, W. L. and Stroup, W. W. (1991) A unified approach to mixed linear
#' models. *The American Statistician* 45, 54-64.
#' @examples
#' fit <- rlmm(Reaction ~ Days + (Days | Subject), sleepstudy)
#' new <- data.frame(Days = 10, Subject = c("308", "309"))
#' predict(fit, new)
#' predict(fit, new, re.form = NA)
#' predict(fit, data.frame(Days = 10, Subject = "new"), allow.new.levels = TRUE)
#' predict(fit, new, interval = "prediction")
#' predict(fit, new, re.form = NA, interval = "confidence", df = 17)
#' @name predict.rlmm
#' @importFrom stats predict
#' @export
predict.rlmm <- function(object, newdata = NULL, newparams = NULL, re.form = NULL,
                         random.only = FALSE, type = c("response", "link"),
                         allow.new.levels = FALSE, na.action = stats::na.pass, se.fit = FALSE,
                         interval = c("none", "confidence", "prediction"), level = 0.95, df = Inf,
                         weights = NULL, ...) {
  no_other_arguments("predict", ...)
  match.arg(type)
  interval <- one_of(interval, c("none", "confidence", "prediction"), "interval")
  check_flag(se.fit, "se.fit")
  with_error <- se.fit || interval != "none"
  if (!is.null(newparams)) object <- with_parameters(object, newparams)
  if (is.null(newdata) && is.null(re.form) && !random.only && !with_error) return(fitted(object))
  bars <- wanted_bars(object, re.form)
  data <- object$frame
  if (!is.null(newdata)) {
    also <- if (interval == "prediction") left_variables(parse_formula(object$formula)$bars)
    data <- prediction_frame(object, newdata, bars, random.only, na.action, also)
  }
  # a level of the fit that has no row of positive weight is none to complain about
  eta <- random_part(object, data, bars, allow.new.levels || is.null(newdata))
  if (!random.only) eta <- eta + fixed_part(object, data) + offset_or_zero(data)
  names(eta) <- row.names(data)
  if (!with_error) return(stats::naresid(attr(data, "na.action"), eta))
  check_interval(level, df, length(eta))
  weights <- prediction_weights(object, weights, newdata, length(eta))
  variance <- prediction_variance(object, data, bars, random.only, weights)
  with_interval(eta, variance, se.fit, interval, level, df, object$sigma, attr(data, "na.action"))
}

no_other_arguments <- function(name, ...) {
  if (...length() == 0) return(invisible())
  given <- c(...names(), "")[1L]
  stop_rlmm("bad_argument", paste0(name, "() has no argument '", given, "'"), column = given)
}

#' @rdname predict.rlmm
#' @importFrom stats fitted
#' @export
fitted.rlmm <- function(object, ...) {
  eta <- linear_predictor(object)
  names(eta) <- row.names(object$frame)
  stats::naresid(attr(object$frame, "na.action"), eta)
}

# X beta + Z b + offset for every row of the frame.
linear_predictor <- function(object) {
  effects <- Map(function(term, b) term_effects(term$codes, term$Z, b),
    random_terms(object), modes(object))
  Reduce(`+`, effects, fixed_part(object, object$frame) + offset_or_zero(object$frame))
}

fixed_part <- function(object, data) {
  if (length(object$beta) == 0) return(numeric(nrow(data)))
  fixed <- fixed_matrix(object, data) %*% object$beta
  # as.vector() would write out the names of the rows first
  attributes(fixed) <- NULL
  fixed
}

offset_or_zero <- function(frame) {
  offset <- stats::model.offset(frame)
  if (is.null(offset)) numeric(nrow(frame)) else as.double(offset)
}

# Z b of one term from its codes: a level that b does not have counts as zero.
term_effects <- function(codes, Z, b) {
  b <- unname(b)
  effects <- if (is.null(Z)) b[codes, 1] else rowSums(Z * b[codes, , drop = FALSE])
  effects[is.na(codes)] <- 0
  effects
}

with_parameters <- function(object, newparams) {
  unknown <- setdiff(names(newparams), c("beta", "theta", "sigma"))
  if (!is.list(newparams) || is.null(names(newparams)) || length(unknown)) {
    stop_rlmm("newparams", "'newparams' is a list with elements beta, theta or sigma")
  }
  for (part in names(newparams)) {
    value <- newparams[[part]]
    if (!is.numeric(value) || length(value) != length(object[[part]]) || anyNA(value)) {
      stop_rlmm("newparams", paste0(
        "'", part, "' in 'newparams' must be ", length(object[[part]]), " numbers"
      ), term = part)
    }
    object[[part]][] <- value
  }
  object
}
