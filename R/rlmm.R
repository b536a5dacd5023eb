#' Fit a linear mixed model
#'
#' Fits a linear mixed-effects model by restricted maximum likelihood or maximum likelihood.
#' Formulas and arguments are those of `lme4::lmer()`.
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
#' It holds nothing but R data and can be saved. Use the usual functions to look into it:
#' `summary()`, `fixef()`, `ranef()`, `VarCorr()`, `vcov()`, `predict()`, `anova()`, `plot()`.
#' @section Conditions:
#' Redundant columns of the fixed effects are dropped with a message (class `rlmm_rank_deficient`).
#' A singular fit is a message (`rlmm_singular`) that names the term and the direction without
#' variance; an optimum that is not certified is a warning (`rlmm_not_certified`), and so are
#' columns of a random-effects term that depend on each other (`rlmm_dependent_effects`), whose
#' variances the data do not tell apart. Errors are listed in [rlmm-conditions].
#' @references
#' Bates, D., Maechler, M., Bolker, B. and Walker, S. (2015) Fitting linear mixed-effects models
#' using lme4. *Journal of Statistical Software* 67(1), 1-48. \doi{10.18637/jss.v067.i01}
#' @seealso [rlmm_control()], [rlmm_frame()] for a fit in steps, [rlmm-lme4] for users of lme4.
#' @examples
#' fit <- rlmm(Reaction ~ Days + (Days | Subject), sleepstudy)
#' summary(fit)
#'
#' # uncorrelated intercepts and slopes, by maximum likelihood
#' rlmm(Reaction ~ Days + (Days || Subject), sleepstudy, REML = FALSE)
#'
#' # rows can be weighted, and left out
#' rlmm(Reaction ~ Days + (1 | Subject), sleepstudy, subset = Days > 1, weights = 1 / (1 + Days))
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
