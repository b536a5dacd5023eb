#' Fit a linear mixed model
#'
#' Fits a linear mixed-effects model by restricted maximum likelihood or maximum likelihood: a
#' regression for data in groups, in which coefficients vary from group to group. Formulas and
#' arguments are those of `lme4::lmer()`.
#'
#' @param formula A two-sided formula, or a string with one. The right side has the fixed effects,
#'   as in [lm()], and random-effects terms, see below.
#' @param data A data frame, tibble, data.table or list with the variables. Variables that it lacks
#'   are taken from the environment of the formula; without `data`, all of them.
#' @param REML Estimate by restricted maximum likelihood (the default), or by maximum likelihood?
#' @param control Settings made by [rlmm_control()].
#' @param start Covariance parameters theta to start the search from, a vector or
#'   `list(theta = )`. There is hardly ever a need for it.
#' @param verbose 1 to print what happens: sizes, the factorisation chosen and what an evaluation is
#'   predicted to take, and each step of the search. Without it, an interactive session shows the
#'   progress of a fit that takes longer than two seconds, see [rlmm_control()].
#' @param subset Rows to use, an expression that is evaluated in the data.
#' @param weights Prior weights: the residual variance of a row is sigma^2 divided by its weight.
#'   Rows of weight zero are left out of the fit, and keep their fitted values. Evaluated in the
#'   data, then in the environment of the formula, as `subset` and `offset` are.
#' @param na.action What to do about rows with missing values: [na.omit()] (the default, unless
#'   `options("na.action")` says otherwise), [na.exclude()], which fills residuals and fitted
#'   values up with `NA`, or [na.fail()].
#' @param offset A known part of the response, added to any `offset()` in the formula.
#' @param contrasts A list of contrasts, named by variables, as in [lm()]. They hold for the left
#'   sides of random-effects terms as well.
#' @param devFunOnly Give the function to be minimised instead of a fit? See [rlmm_devfun()].
#' @param ... Nothing: any other argument is an error.
#'
#' @details
#' The model is y = X beta + Z b + offset + e. The fixed effects beta are the coefficients of the
#' average group. The random effects b, the deviations of the groups from it, are normal with mean
#' zero; the standard deviations and correlations of each term's effects are estimated. The
#' residuals e are independent and normal with variance sigma^2, divided by the weight.
#'
#' The steps of an analysis, each with its function:
#' 1. Fit: `fit <- rlmm(y ~ x + (x | g), data)`. The terms in parentheses are explained below.
#' 2. Check: was an optimum found ([optinfo()], a warning otherwise), is it singular
#'    ([isSingular()], a message when it is); residuals by `plot(fit)` and `plot(fit, which =
#'    "qq")`, see [plot.rlmm()]; random effects by `dotplot(ranef(fit))`; the groups on which the
#'    result rests by [influence.rlmm()].
#' 3. Look: [summary.rlmm()], [fixef()], [VarCorr()], [ranef()], [coef()], [fit_statistics()].
#' 4. Test: [anova.rlmm()] for the terms of one model, or several models by likelihood ratio;
#'    [contest()] for any contrast; [ranova()] for random effects.
#' 5. Intervals: [confint.rlmm()], by profile likelihood, Wald, or [bootMer()].
#' 6. Predict: [predict.rlmm()] with intervals, [plot_effect()].
#' 7. Report: [report_text()], [report_tables()].
#'
#' `?"rlmm-package"` has a list of all functions by task; `vignette("rlmm")` does the whole with
#' data.
#'
#' @section REML or maximum likelihood:
#' Restricted maximum likelihood takes account of the degrees of freedom that the fixed effects use
#' up; its estimates of variances are less biased, and it is what degrees of freedom by
#' [rlmm-ddf] are made for. Its criterion depends on the columns of the fixed effects: REML fits
#' can be compared, by criterion or AIC, if their fixed effects are the same. Models with different
#' fixed effects are compared by maximum likelihood; [anova.rlmm()] refits them by itself.
#'
#' @section Random-effects terms:
#' `(x | g)` has an intercept and a slope for `x` for each level of `g`, with any covariance between
#' them. The left side is anything that [model.matrix()] understands: `(1 | g)`, `(0 + x | g)`,
#' `(poly(x, 2) | g)`, `(a * x | g)`. The right side is a factor, or what can be made one.
#' * `(x || g)` has uncorrelated effects: one term for each column of the left side's model matrix,
#'   named `g`, `g.1`, `g.2`, and so on.
#' * `(1 | a:b)` has an effect for each combination of `a` and `b` that occurs.
#' * `(1 | a/b)` is `(1 | b:a) + (1 | a)`, for `b` nested in `a`; `(1 | a/b/c)` goes one level
#'   further.
#' * `(1 | a*b)` is `(1 | a) + (1 | b) + (1 | a:b)`, and `(1 | a + b)` the first two of them.
#'
#' An intercept is implied on the left side, as in every formula, and `0 +` leaves it out. Several
#' terms are added: `(1 | a) + (1 | b)` for crossed factors. As a rule a variable with a random
#' slope has a fixed effect, too, since random effects have mean zero. A variance between groups is
#' estimated from the groups: a factor with two or three levels is better a fixed effect.
#'
#' @section Certified, not certified, singular:
#' Where the search ends, exact first and second derivatives of the criterion tell whether the point
#' is a local optimum, also where variances are zero. `optinfo(fit)$certificate` has the result. It
#' is local: [multistart()] searches from other starts.
#'
#' *Not certified* (a warning): do not use the estimates. Look at `optinfo(fit)` for why the search
#' stopped. A larger `max_eval` in [rlmm_control()] helps where it ran out of evaluations; columns
#' that nearly depend on each other are to be taken out of the formula.
#'
#' *Singular* (a message): an estimated variance is zero, or a correlation is 1 or -1, or some
#' combination of effects has no variance. It is an optimum and no failure. The data do not show
#' variation in that direction; often they have too few groups for it. Tests and intervals of the
#' fixed effects remain valid as those of the model without that direction. `isSingular(fit, explain
#' = TRUE)` names it. To simplify, take out the correlation first, `(x || g)`, then the slope; or
#' keep the term, where the design asks for it. [rePCA()] shows how many directions vary.
#'
#' @section Differences from lme4:
#' * `(f || g)` with a factor `f` has uncorrelated effects, as it says. In lme4 they are correlated.
#' * A `.` in the formula stands for all columns but the response and the grouping variables.
#' * `contrasts` hold for random-effects terms too, where lme4 uses those of `options("contrasts")`.
#' * Rows of weight zero do not count as observations.
#' * The search uses exact derivatives, and a fit says whether its optimum is certified.
#'
#' @return An object of class `rlmm`, a list with
#' * `call`, `formula`, `frame` (the model frame), `raw` (variables that the formula has in calls
#'   only), `contrasts`;
#' * `random`: for each random-effects term `group`, `name`, `columns`, `levels`, `kind`, `factor`;
#' * `theta`: the lower triangles of the relative covariance factors, column by column and term by
#'   term, in lme4's order; `beta`: the fixed effects; `u`: the spherical random effects, term by
#'   term, level by level; `sigma`: the residual standard deviation; `RX`: the factor of
#'   `sigma^2 * solve(vcov())`;
#' * `REML`, `criterion`; `cmp`: parts of the criterion; `dims`: sizes;
#' * `dropped`: redundant columns of the fixed effects' model matrix;
#' * `optinfo`: the record of the search; `log`: timings; `version`, `control`.
#'
#' It holds nothing but R data and can be saved with [saveRDS()]. The functions named above ask it
#' for what is needed; its components may change, their results will not. With `devFunOnly`, a
#' function of theta.
#' @section Conditions:
#' Redundant columns of the fixed effects are dropped with a message (class `rlmm_rank_deficient`).
#' A singular fit is a message (`rlmm_singular`) that names the term and the direction without
#' variance; an optimum that is not certified is a warning (`rlmm_not_certified`), and so are
#' columns of a random-effects term that depend on each other (`rlmm_dependent_effects`), whose
#' variances the data do not tell apart. All are kept in the fit, see [fit_log()]. Errors have class
#' `rlmm_error`, a class for their kind, and name the term, column or level at fault: see
#' [rlmm-conditions].
#' @references
#' Bates, D., Maechler, M., Bolker, B. and Walker, S. (2015) Fitting linear mixed-effects models
#' using lme4. *Journal of Statistical Software* 67(1), 1-48. \doi{10.18637/jss.v067.i01}
#' The criterion is their equation 35 (deviance) and 42 (REML).
#'
#' Gilmour, A. R., Thompson, R. and Cullis, B. R. (1995) Average information REML: an efficient
#' algorithm for variance parameter estimation in linear mixed models. *Biometrics* 51, 1440-1450.
#'
#' Nocedal, J. and Wright, S. J. (2006) *Numerical Optimization*, 2nd ed., Springer, chapter 4: the
#' search, a trust-region Newton method.
#' @seealso [rlmm_control()], [rlmm_frame()] for a fit in steps, [rlmm-lme4] for users of lme4.
#' @examples
#' # fit
#' fit <- rlmm(Reaction ~ Days + (Days | Subject), sleepstudy)
#'
#' # check
#' optinfo(fit)
#' isSingular(fit)
#' plot(fit)
#' plot(fit, which = "qq")
#'
#' # look
#' summary(fit)
#' head(ranef(fit)$Subject)
#' head(coef(fit)$Subject)
#'
#' # test
#' anova(fit)
#' anova(rlmm(Reaction ~ Days + (1 | Subject), sleepstudy), fit)
#' contest(fit, c("(Intercept)" = 1, Days = 9), joint = FALSE)
#'
#' # intervals, predictions
#' confint(fit)
#' predict(fit, data.frame(Days = 10, Subject = "308"), interval = "prediction")
#'
#' # report
#' cat(strwrap(report_text(fit)), sep = "\n")
#'
#' # uncorrelated intercepts and slopes, by maximum likelihood
#' rlmm(Reaction ~ Days + (Days || Subject), sleepstudy, REML = FALSE)
#'
#' # rows can be weighted, and left out
#' rlmm(Reaction ~ Days + (1 | Subject), sleepstudy, subset = Days > 1, weights = 1 / (1 + Days))
#'
#' # a singular fit
#' nothing <- rlmm(Reaction ~ Days + (Days | Subject) + (1 | Days), sleepstudy)
#' isSingular(nothing, explain = TRUE)
#' @export
rlmm <- function(formula, data, REML = TRUE, control = rlmm_control(), start = NULL, verbose = 0L,
                 subset, weights, na.action, offset, contrasts = NULL, devFunOnly = FALSE, ...) {
  started <- seconds()
  if (...length()) stop_unknown_arguments(match.call(expand.dots = FALSE)$...)
  call <- as_written(match.call(), environment())
  if (missing(formula)) stop_rlmm("formula", "'formula' is missing")
  formula <- as_formula(formula, parent.frame())

  record <- new_record()
  fit <- logged({
    frame <- read_frame(formula, if (!missing(data)) data, call,
      if (!missing(na.action)) list(na.action = na.action), contrasts, control, REML)
    framed <- seconds()
    devfun <- rlmm_devfun(frame, verbose)
    reduced <- seconds()
    if (!devFunOnly) {
      opt <- rlmm_optimize(devfun, start, verbose)
      searched <- seconds()
      rlmm_object(frame, opt, call_to_keep(call, frame$formula))
    }
  }, record)
  if (devFunOnly) return(devfun)
  with_log(fit, record, c(frame = framed - started, reduce = reduced - framed,
    search = searched - reduced, object = seconds() - searched))
}

# The call with its arguments as they were written: match.call() gives those that came through `...`
# as ..1 and so on.
as_written <- function(call, frame) {
  if (!any(startsWith(all.vars(call), ".."))) return(call)
  for (name in names(call)[-1L]) {
    call[name] <- list(eval(base::call("substitute", as.name(name)), frame))
  }
  call
}

stop_unknown_arguments <- function(extra) {
  names <- if (is.null(names(extra))) rep("", length(extra)) else names(extra)
  names[names == ""] <- "(unnamed)"
  if ("family" %in% names) {
    stop_rlmm("family", paste0("rlmm() fits models with a normal response and has no argument ",
      "'family'; for other families see lme4::glmer()"), column = "family")
  }
  stop_rlmm("bad_argument", paste0("rlmm() has no argument ", quoted_list(names), "; it has ",
    quoted_list(setdiff(names(formals(rlmm)), "..."), 20L)), column = names[1L])
}

# The call as the user wrote it. One made by do.call() may hold the function itself, or a formula
# with its environment.
call_to_keep <- function(call, formula) {
  if (!is.name(call[[1L]]) && !is.call(call[[1L]])) call[[1L]] <- quote(rlmm)
  if (inherits(call$formula, "formula")) call$formula <- formula
  call
}

# A bare number: arithmetic on times would cost more than a small fit's model frame.
seconds <- function() as.double(Sys.time())
