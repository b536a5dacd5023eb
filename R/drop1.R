#' Leave out each term of the fixed effects
#'
#' Fits the models that lack one term of the fixed effects each, by maximum likelihood, and compares
#' them with the whole one.
#'
#' @param object,fit A model fitted by [rlmm()].
#' @param scope The terms to leave out: their names, or a one-sided formula. By default those that
#'   no other term contains.
#' @param scale Not used; there for the generic.
#' @param test `"Chisq"` for likelihood ratio tests, `"user"` for those of `sumFun`.
#' @param k Penalty of the information criterion for each parameter.
#' @param trace Print the models that are fitted?
#' @param sumFun With `test = "user"`, a function of two fits, the whole model and the smaller
#'   one, that gives a named vector; called with the first alone it gives the first row. The
#'   fits are REML fits if `object` is one. An attribute `method` becomes part of the heading.
#' @param ... Handed to `sumFun`.
#' @return `drop1()` gives a data frame of class `anova` with a row for the whole model and one for
#'   each term left out: `npar`, the number of parameters that it takes; `AIC`; and with
#'   `test = "Chisq"` the likelihood ratio statistic `LRT` and `Pr(Chi)`. Every model has the rows
#'   of the whole one, also where the term left out has missing values.
#'
#'   `extractAIC()` gives the number of parameters and the AIC, that of the fit by maximum
#'   likelihood if `fit` is a REML fit, as in lme4.
#' @section Errors:
#' `rlmm_bad_argument` when `scope` has a term that the model does not have, or `sumFun` is missing.
#' @examples
#' d <- transform(sleepstudy, late = Days > 5)
#' fit <- rlmm(Reaction ~ Days * late + (1 | Subject), d)
#' drop1(fit, test = "Chisq")
#' drop1(fit, scope = c("Days", "late"))
#' extractAIC(fit)
#' @importFrom stats drop1
#' @export
drop1.rlmm <- function(object, scope, scale = 0, test = c("none", "Chisq", "user"), k = 2,
                       trace = FALSE, sumFun = NULL, ...) {
  test <- match.arg(test)
  if (test == "user" && !is.function(sumFun)) {
    stop_rlmm("bad_argument", "test = \"user\" needs a function 'sumFun'", column = "sumFun")
  }
  fixed <- fixed_formula(object$formula)
  scope <- terms_in_scope(fixed, if (!missing(scope)) scope)
  smaller <- lapply(scope, function(term) {
    if (trace) cat("without", term, "\n")
    fit_without(object, fixed, term, if (test == "user") object$REML else FALSE)
  })
  table <- if (test == "user") user_table(object, smaller, scope, sumFun, ...) else
    term_deletion_table(refitML(object), smaller, scope, test, k)
  method <- attr(table, "method")
  structure(table, method = NULL, class = c("anova", "data.frame"),
    heading = c("Single term deletions", "\nModel:", deparse(object$formula),
      if (!is.null(method)) paste0("Method: ", method)))
}

terms_in_scope <- function(fixed, scope) {
  terms <- stats::terms(fixed)
  labels <- attr(terms, "term.labels")
  if (is.null(scope)) return(stats::drop.scope(terms))
  if (!is.character(scope)) {
    scope <- attr(stats::terms(stats::update.formula(fixed, scope)), "term.labels")
  }
  unknown <- setdiff(scope, labels)
  if (length(unknown)) {
    stop_rlmm("bad_argument", paste0("the fixed effects have no term ", quoted_list(unknown),
      "; they have ", quoted_list(labels, Inf)), term = unknown[1L])
  }
  scope
}

# The fit without one term of the fixed effects, on the rows of the whole model.
fit_without <- function(object, fixed, term, REML) {
  reduced <- stats::update.formula(fixed, paste(". ~ . -", term))
  frame <- rebuilt_frame(object)
  frame$X <- model_matrix(stats::terms(reduced), object$frame, object$contrasts)
  frame$contrasts <- attr(frame$X, "contrasts")
  frame$REML <- REML
  frame$formula[[3L]] <- sum_of(c(reduced[[3L]], random_formula(object$formula)[[3L]]))
  frame$control$check$rank_X <- "ignore"
  opt <- fit_frame(frame, start_from(object))
  withCallingHandlers(rlmm_object(frame, opt),
    rlmm_singular = function(m) invokeRestart("muffleMessage"))
}

term_deletion_table <- function(object, smaller, scope, test, k) {
  likelihoods <- lapply(c(list(object), smaller), stats::logLik)
  npar <- vapply(likelihoods, attr, 0, "df")
  value <- vapply(likelihoods, as.double, 0)
  taken <- c(NA, npar[1L] - npar[-1L])
  table <- data.frame(npar = taken, AIC = -2 * value + k * npar, row.names = c("<none>", scope))
  if (test == "none") return(table)
  table$LRT <- c(NA, pmax(0, 2 * (value[1L] - value[-1L])))
  p <- stats::pchisq(table$LRT, table$npar, lower.tail = FALSE)
  table[["Pr(Chi)"]] <- ifelse(table$npar == 0, NA, p)
  table
}

user_table <- function(object, smaller, scope, sumFun, ...) {
  first <- sumFun(object, ...)
  rows <- lapply(smaller, function(fit) sumFun(object, fit, ...))
  table <- as.data.frame(do.call(rbind, c(list(first), rows)))
  row.names(table) <- c("<none>", scope)
  methods <- unlist(lapply(c(list(first), rows), attr, "method"))
  attr(table, "method") <- methods[1L]
  table
}

#' @rdname drop1.rlmm
#' @importFrom stats extractAIC
#' @export
extractAIC.rlmm <- function(fit, scale = 0, k = 2, ...) {
  likelihood <- stats::logLik(refitML(fit))
  df <- attr(likelihood, "df")
  c(df, -2 * as.double(likelihood) + k * df)
}
