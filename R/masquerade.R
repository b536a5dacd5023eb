#' Run scripts that call lmer()
#'
#' Puts functions `lmer()` and `lmerControl()` into the environment that it is called from, the
#' global environment as a rule, which fit with [rlmm()]. Scripts written for lme4 or lmerTest then
#' run as they are. Nothing happens unless this function is called, nothing is attached, and
#' `rm(lmer, lmerControl)` undoes it.
#'
#' @param envir The environment to put them in.
#' @return The names of the two functions, invisibly. `lmer()` gives an object of class `rlmm`, with
#'   a call of [rlmm()], and `lmerControl()` one of class `rlmm_control`.
#' @details
#' `lmer()` has the arguments of lme4's. Of the settings of `lmerControl()`, `check.nobs.vs.nlev`,
#' `check.nobs.vs.nRE`, `check.nlev.gtr.1` and `check.rankX` have counterparts in
#' [rlmm_control()]. Others are not needed: optimizers and their settings, checks of convergence,
#' derivatives; a message (class `rlmm_ignored_setting`) says which were ignored. Settings made by
#' lme4's own `lmerControl()` are taken, too.
#' @section Differences:
#' [rlmm-lme4] lists what is different in the fit and in what is computed from it. Beyond that, of a
#' script:
#' * A fit is a list of class `rlmm` (S3). `fit@frame`, `fit@optinfo` and other slots, and
#'   `is(fit, "lmerMod")`, are not there: [getME()] and [model.frame()] have what they hold, and
#'   [as_merMod()] makes the object itself.
#' * `summary()` and `anova()` have degrees of freedom and p values, as with lmerTest
#'   (`ddf = "none"`, or lmerTest's `"lme4"`, leaves them out).
#' * Messages and warnings have texts and classes of their own ([rlmm-conditions]); those about the
#'   convergence of a search do not come up. A singular fit is told by a message, as in lme4.
#' * `confint()` has lme4 2's order of rows.
#' * lme4's functions that are no generics know fits of lme4 only. `isSingular()`, `REMLcrit()`,
#'   `bootMer()` and others of the same name are here for both; when lme4 is attached after rlmm,
#'   write `rlmm::bootMer()`.
#' * `lme4::lmer()`, `lmerTest::lmer()` and `lme4::lmerControl()`, written so, are the originals.
#'   [update()][update.rlmm] of a fit takes what the new `lmerControl()` gives, or [rlmm_control()],
#'   as `control`, not what `lme4::lmerControl()` gives.
#' * `options(lmerControl = )` has no effect.
#' * `lmer(..., family = )` is an error, as in recent versions of lme4.
#' @section Errors:
#' `rlmm_bad_argument` where an object of one of the names is there already.
#' @seealso [rlmm-lme4] for all that is different from lme4; [as_merMod()].
#' @examples
#' local({
#'   masquerade()
#'   lmer(Reaction ~ Days + (Days | Subject), sleepstudy,
#'     control = lmerControl(check.nobs.vs.nRE = "ignore"))
#' })
#' @export
masquerade <- function(envir = parent.frame()) {
  masks <- list(lmer = lmer_mask, lmerControl = lmer_control_mask)
  for (name in names(masks)) {
    if (exists(name, envir, inherits = FALSE) && !identical(get(name, envir), masks[[name]])) {
      stop_rlmm("bad_argument", paste0("there is an object '", name, "' already; remove it first"),
        column = name)
    }
  }
  list2env(masks, envir)
  invisible(names(masks))
}

lmer_mask <- function(formula, data = NULL, REML = TRUE, control = NULL, start = NULL,
                      verbose = 0L, subset, weights, na.action, offset, contrasts = NULL,
                      devFunOnly = FALSE, ...) {
  call <- match.call()
  call[[1L]] <- quote(rlmm::rlmm)
  if (!is.null(call$control)) call$control <- control_from_lme4(control)
  # lme4 takes 0 and 1, too
  if (!is.null(call$REML) && is.numeric(REML)) call$REML <- as.logical(REML)
  eval(call, parent.frame())
}

# lme4's control is a list of class lmerControl, with its checks in an element of their own, or a
# list of arguments of lmerControl().
control_from_lme4 <- function(control) {
  settings <- if (inherits(control, "lmerControl")) {
    control$checkControl[intersect(names(control$checkControl), names(lme4_checks))]
  } else if (is.list(control) && !is.object(control) &&
      all(names(control) %in% names(formals(lmer_control_mask)))) {
    control
  } else {
    return(as_control(control))
  }
  do.call(lmer_control_mask, settings)
}

# Our names of lme4's checks.
lme4_checks <- c(check.nobs.vs.nlev = "nobs_vs_nlev", check.nobs.vs.nRE = "nobs_vs_nRE",
  check.nlev.gtr.1 = "nlev_gtr_1", check.rankX = "rank_X")

# The arguments of lme4's function, so that calls by position and by part of a name work.
lmer_control_mask <- function(optimizer, restart_edge, boundary.tol, calc.derivs, use.last.params,
                              sparseX, standardize.X, check.nobs.vs.rankZ, check.nobs.vs.nlev,
                              check.nlev.gtreq.5, check.nlev.gtr.1, check.nobs.vs.nRE, check.rankX,
                              check.scaleX, check.formula.LHS, check.conv.nobsmax,
                              check.conv.nparmax, check.conv.grad, check.conv.singular,
                              check.conv.hess, optCtrl, mod.type, autoscale) {
  given <- as.character(names(match.call())[-1L])
  ignored <- setdiff(given, names(lme4_checks))
  if (length(ignored)) {
    inform_rlmm("ignored_setting", paste0("rlmm() does not need ", quoted_list(ignored),
      "; see ?masquerade"), column = ignored)
  }
  checks <- mget(intersect(given, names(lme4_checks)))
  names(checks) <- lme4_checks[names(checks)]
  rlmm_control(check = lapply(checks, function(action) {
    switch(action[1L], `message+drop.cols` = "message", `silent.drop.cols` = "ignore",
      `warn+drop.cols` = "warning", stop.deficient = "stop", action)
  }))
}
