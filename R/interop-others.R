#' Packages that rlmm supports untested
#'
#' These packages are not there where rlmm is tested. The methods below are those that they ask a
#' model for; they are tested by themselves, not with the packages.
#'
#' * **marginaleffects**: `get_coef()`, `set_coef()`, `get_vcov()` and `get_predict()`. `vcov` may
#'   be `TRUE`, `FALSE`, a matrix, a function, `"satterthwaite"` or `"kenward-roger"`. Predictions
#'   obey `set_coef()`; `re.form` and `allow.new.levels` are handed to [predict()][predict.rlmm()].
#'   When marginaleffects is loaded, the class is added to its option
#'   `marginaleffects_model_classes`.
#' * **MuMIn**: `r.squaredGLMM()`, `getAllTerms()`, `coeffs()` and `coefTable()`; `dredge()` and
#'   `AICc()` need `logLik()`, `nobs()`, `update()` and `formula()` besides.
#' * **DHARMa**: `getSimulations()`, `getRefit()`, `getFixedEffects()` and `getFitted()`.
#'   `simulateResiduals()` warns that it does not know the class, and goes on.
#' * **texreg**: `extract()`, when it is loaded, with p values by Satterthwaite's or another method
#'   (argument `ddf`).
#' * **modelsummary**, **gtsummary**: by `tidy()` and `glance()`, see [tidy.rlmm()].
#' * **merTools**, **cAIC4**, **RLRsim** and others that use lme4's objects directly: with
#'   [as_merMod()].
#' @name rlmm-untested
#' @examples
#' fit <- rlmm(Reaction ~ Days + (Days | Subject), sleepstudy)
#' # what MuMIn::r.squaredGLMM(fit) gives
#' fit_statistics(fit)[c("R2_marginal", "R2_conditional")]
NULL

admit_to_marginaleffects <- function() {
  classes <- getOption("marginaleffects_model_classes")
  options(marginaleffects_model_classes = union(classes, "rlmm"))
}

#' @exportS3Method marginaleffects::get_coef
get_coef.rlmm <- function(model, ...) fixef(model)

#' @exportS3Method marginaleffects::set_coef
set_coef.rlmm <- function(model, coefs, ...) {
  if (is.null(names(coefs))) names(coefs) <- names(model$beta)
  if (length(coefs) != length(model$beta) || !setequal(names(coefs), names(model$beta))) {
    stop_rlmm("newparams", paste0("the new coefficients must be ", quoted_list(names(model$beta))))
  }
  model$beta[] <- coefs[names(model$beta)]
  model
}

#' @exportS3Method marginaleffects::get_vcov
get_vcov.rlmm <- function(model, vcov = NULL, ...) {
  if (isFALSE(vcov)) return(NULL)
  if (is.null(vcov) || isTRUE(vcov)) return(stats::vcov(model))
  if (is.function(vcov)) return(vcov(model))
  if (!is.character(vcov)) return(as.matrix(vcov))
  ddf <- ddf_of_easystats(vcov)
  if (is.null(ddf)) {
    stop_rlmm("bad_argument", paste0("'vcov' is a matrix, a function, TRUE, FALSE, ",
      "\"satterthwaite\" or \"kenward-roger\""), column = "vcov")
  }
  vcov_for_tests(model, ddf)
}

#' @exportS3Method marginaleffects::get_predict
get_predict.rlmm <- function(model, newdata = NULL, type = "response", re.form = NULL,
                             allow.new.levels = FALSE, ...) {
  predicted <- predict(model, newdata, re.form = re.form, allow.new.levels = allow.new.levels)
  rowid <- if (is.null(newdata$rowid)) seq_along(predicted) else newdata$rowid
  data.frame(rowid = rowid, estimate = unname(predicted))
}

#' @exportS3Method MuMIn::r.squaredGLMM
r.squaredGLMM.rlmm <- function(object, null, ...) {
  statistics <- fit_statistics(object)
  cbind(R2m = statistics$R2_marginal, R2c = statistics$R2_conditional)
}

#' @exportS3Method MuMIn::getAllTerms
getAllTerms.rlmm <- function(x, ...) {
  getExportedValue("MuMIn", "getAllTerms")(formula(x), ...)
}

#' @exportS3Method MuMIn::coeffs
coeffs.rlmm <- function(model) fixef(model)

#' @exportS3Method MuMIn::coefTable
coefTable.rlmm <- function(model, ...) {
  beta <- fixef(model)
  structure(cbind(Estimate = beta, `Std. Error` = sqrt(diag(vcov(model))),
    df = coefficient_df(model, "Satterthwaite")), class = c("coefTable", "matrix"))
}

#' @exportS3Method DHARMa::getSimulations
getSimulations.rlmm <- function(object, nsim = 1, type = c("normal", "refit"), ...) {
  simulated <- simulate(object, nsim = nsim, ...)
  if (match.arg(type) == "refit") simulated else data.matrix(simulated)
}

#' @exportS3Method DHARMa::getRefit
getRefit.rlmm <- function(object, newresp, ...) refit(object, newresp)

#' @exportS3Method DHARMa::getFixedEffects
getFixedEffects.rlmm <- function(object, ...) fixef(object)

#' @exportS3Method DHARMa::getFitted
getFitted.rlmm <- function(object, ...) predict(object, re.form = NA)
