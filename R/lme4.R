#' For users of lme4
#'
#' Formulas, arguments and results are those of lme4 2.1; the tests of this package have a list of
#' all its functions and methods, each there or left out for a reason. This page has the places
#' where a user of lme4 will see a difference, and what was decided where lme4 has two ways.
#'
#' @section Names of functions:
#' | lme4 | here |
#' |---|---|
#' | `lmer()`, `lmerControl()` | [rlmm()], [rlmm_control()] |
#' | `lFormula()`, `mkLmerDevfun()` | [rlmm_frame()], [rlmm_devfun()] |
#' | `optimizeLmer()`, `mkMerMod()` | [rlmm_optimize()], [rlmm_object()] |
#' | `simulate(~ formula, ...)` | [simulate_lmm()] |
#' | `checkConv()`, warnings of convergence | [optinfo()], a certificate for every fit |
#' | `allFit()` | [multistart()], also under the name `allFit()` |
#' | `devfun2()` | [as.function()][as.function.rlmm], [vcov_theta()] |
#' | `devcomp()`, `getL()` | [getME()][getME.rlmm] |
#' | `glmer()`, `nlmer()` and all that belongs to them | not planned: use lme4 |
#'
#' @section Orders and names:
#' Terms stand in the order of their numbers of levels, the largest first, and as in the formula
#' where those do not increase; theta, [VarCorr()][VarCorr.rlmm] and [ranef()][ranef.rlmm] follow,
#' column by column of each term's lower triangle. The levels of `batch/cask` are those of
#' `cask:batch`. `(x || g)` gives the terms `g` and `g.1`, in `VarCorr()` as in lme4, and one table
#' in `ranef()`.
#'
#' @section The fit:
#' * `(f || g)` with a factor `f` has uncorrelated effects, as it says.
#' * `weights`, `offset` and `subset` are evaluated once, in the data and then in the environment of
#'   the formula; the values are kept with the fit. Rows of weight zero are not observations.
#' * A response of several columns is an error; [refit()] takes many responses.
#' * Columns of very different scales need no attention: the search does not depend on them.
#' * Each fit is checked by exact derivatives, whatever its size, and also where it is singular.
#'
#' @section Quantities:
#' * `vcov()` is a base matrix. It takes theta as known, as lme4's; [vcov_theta()] has the
#'   uncertainty of theta.
#' * `df.residual()` is the number of observations less that of all parameters: fixed effects, theta
#'   and sigma.
#' * `AIC()` and `logLik()` of a REML fit are those of the REML criterion, with as many parameters;
#'   some packages refit with maximum likelihood before they report an AIC. `extractAIC()` and
#'   `drop1()` do so here, as in lme4. `AIC()` of several REML fits with different fixed effects
#'   warns.
#' * `deviance(REML = TRUE)` is the REML criterion.
#' * [rstudent()][leverage] leaves the observation out of sigma, as for `lm` fits; lme4's does not.
#' * [cooks.distance()][influence.rlmm] measures the fixed effects; lme4 has two that disagree.
#' * `weights()` is padded with `NA` after `na.exclude`, as residuals and fitted values are.
#' * `formula()` is the formula as it was written: lme4 replaces `||` and `/`.
#'
#' @section Prediction and simulation:
#' * An offset given as an argument counts in [predict()][predict.rlmm] and
#'   [simulate()][simulate.rlmm].
#' * The error for a new level names the factor and the levels. Standard errors count its random
#'   effect as unknown, not as zero.
#' * `newparams` with a wrong number of values, or an element of another name, is an error.
#' * `simulate()` draws one response after the other, so that the first of many is the same as one
#'   alone.
#'
#' @section Messages:
#' Errors, warnings and messages have classes, see [rlmm-conditions]; [fit_log()] keeps those of a
#' fit. A singular fit is a message, as in lme4.
#' @examples
#' fit <- rlmm(Reaction ~ Days + (Days || Subject), sleepstudy)
#' formula(fit)
#' VarCorr(fit)
#' # lme4's mkLmerDevfun(lFormula(...))
#' devfun <- rlmm_devfun(rlmm_frame(Reaction ~ Days + (Days || Subject), sleepstudy))
#' devfun(getME(fit, "theta"))
#' @name rlmm-lme4
#' @aliases rlmm_lme4
NULL
