# Which criterion models are compared by: refitted with maximum likelihood, or as they are.

# refit: which models to fit again; REML: which criterion to take from each; text, and signal: the
# function that tells the user.
choose_comparison <- function(models, refit) {
  reml <- vapply(models, `[[`, NA, "REML")
  by_reml <- reml %in% TRUE
  none <- rep(FALSE, length(models))
  if (!any(by_reml)) {
    return(list(refit = none, REML = none, text = "Comparison by maximum likelihood",
      signal = function() NULL))
  }
  problem <- reml_problem(models)
  if (isTRUE(refit) || identical(refit, "auto") && !is.null(problem)) {
    text <- paste0("Comparison by maximum likelihood: REML fits ", quoted_list(names_of(
      models[by_reml])), " refitted; valid for fixed and for random effects")
    return(list(refit = by_reml, REML = none, text = text,
      signal = function() inform_rlmm("comparison", text)))
  }
  # an lm() has both criteria, and takes part in either comparison
  REML <- if (any(reml %in% FALSE)) by_reml else !none
  if (is.null(problem)) {
    text <- "Comparison of REML criteria: valid, the fixed effects are the same"
    return(list(refit = none, REML = REML, text = text,
      signal = function() inform_rlmm("comparison", text)))
  }
  text <- paste0("Comparison of criteria as fitted: NOT valid, ", problem)
  list(refit = none, REML = REML, text = text, signal = function() {
    warn_rlmm("reml_comparison", paste0(text, "; refit = TRUE compares maximum likelihood"))
  })
}

# Why criteria of which some are REML cannot be compared; NULL if they can.
reml_problem <- function(models) {
  reml <- vapply(models, `[[`, NA, "REML")
  if (any(reml %in% FALSE)) {
    return(paste0("REML fits (", quoted_list(names_of(models[reml %in% TRUE])),
      ") stand beside fits by maximum likelihood (",
      quoted_list(names_of(models[reml %in% FALSE])), ")"))
  }
  first <- models[[1L]]
  for (model in models[-1L]) {
    if (!same_reml_scale(first, model)) {
      return(paste0("the fixed effects of the REML fits '", first$name, "' and '", model$name,
        "' differ", if (same_mean(first, model)) " in their coding or weights"))
    }
  }
}

names_of <- function(models) vapply(models, `[[`, "", "name")

#' Information criteria of fitted models
#'
#' [stats::AIC()] and [stats::BIC()], with a warning where REML fits are compared that cannot be.
#'
#' @param object A model fitted by [rlmm()].
#' @param ... More models.
#' @param k Penalty for each parameter.
#' @return A number, or for several models a data frame with columns `df` and `AIC` or `BIC`. Of a
#'   REML fit it is the REML criterion plus the penalty; parameters are the fixed effects, the
#'   entries of theta and sigma.
#' @section Warnings:
#' `rlmm_reml_comparison` where REML fits have different fixed effects, or stand beside fits by
#' maximum likelihood: fit with `REML = FALSE` (see [refitML()]) to compare them.
#' @examples
#' fit <- rlmm(Reaction ~ Days + (Days | Subject), sleepstudy, REML = FALSE)
#' smaller <- rlmm(Reaction ~ Days + (1 | Subject), sleepstudy, REML = FALSE)
#' AIC(fit, smaller)
#' BIC(fit)
#' @name AIC.rlmm
#' @importFrom stats AIC
#' @export
AIC.rlmm <- function(object, ..., k = 2) {
  warn_about_reml(list(object, ...), as.list(substitute(list(object, ...)))[-1L])
  NextMethod()
}

#' @rdname AIC.rlmm
#' @importFrom stats BIC
#' @export
BIC.rlmm <- function(object, ...) {
  warn_about_reml(list(object, ...), as.list(substitute(list(object, ...)))[-1L])
  NextMethod()
}

warn_about_reml <- function(fits, expressions) {
  known <- vapply(fits, inherits, NA, c("rlmm", "lmerMod")) |
    vapply(fits, function(fit) identical(class(fit), "lm"), NA)
  if (length(fits) < 2L || !all(known)) return(invisible())
  models <- Map(model_parts, fits, model_labels(fits, expressions, NULL))
  # the criterion of an lm() is that of maximum likelihood here
  for (i in seq_along(models)) if (is.na(models[[i]]$REML)) models[[i]]$REML <- FALSE
  if (!any(vapply(models, `[[`, NA, "REML"))) return(invisible())
  problem <- reml_problem(models)
  if (!is.null(problem)) {
    warn_rlmm("reml_comparison", paste0("these criteria cannot be compared: ", problem,
      "; refitML() fits by maximum likelihood"))
  }
}
