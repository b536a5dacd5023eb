# Methods for performance where its default is not for mixed models. The numbers come from the fit
# as an object of lme4, see as_merMod(), so that they are those of an lmer fit.

#' @exportS3Method performance::r2
r2.rlmm <- function(model, ...) performance::r2_nakagawa(model, ...)

#' @exportS3Method performance::check_convergence
check_convergence.rlmm <- function(x, tolerance = 0.001, ...) is_converged.rlmm(x)

#' @exportS3Method performance::check_singularity
check_singularity.rlmm <- function(x, tolerance = 1e-5, ...) isSingular(x, tol = tolerance)

#' @exportS3Method performance::check_model
check_model.rlmm <- function(x, ...) performance::check_model(as_merMod(x), ...)

#' @exportS3Method performance::check_outliers
check_outliers.rlmm <- function(x, ...) performance::check_outliers(as_merMod(x), ...)

#' @exportS3Method performance::check_normality
check_normality.rlmm <- function(x, ...) performance::check_normality(as_merMod(x), ...)

#' @exportS3Method performance::check_predictions
check_predictions.rlmm <- function(object, ...) {
  performance::check_predictions(as_merMod(object), ...)
}

#' @exportS3Method performance::model_performance
model_performance.rlmm <- function(model, ...) {
  performance::model_performance(as_merMod(model), ...)
}
