#' Leave out each term of the fixed effects
#'
#' Fits the models that lack one term of the fixed effects each, by maximum likelihood, and compares
#' them with the whole one; or tests each term by an F test in the whole model.
#'
#' @param object,fit A model fitted by [rlmm()].
#' @param scope The terms to leave out: their names, or a one-sided formula. By default those that
#'   no other term contains.
#' @param scale Not used; there for the generic.
#' @param test `"Chisq"` for likelihood ratio tests, `"F"` for F tests, `"user"` for those of
#'   `sumFun`.
#' @param k Penalty of the information criterion for each parameter.
#' @param trace Print the models that are fitted?
#' @param sumFun With `test = "user"`, a function of two fits, the whole model and the smaller
#'   one, that gives a named vector; called with the first alone it gives the first row. The
#'   fits are REML fits if `object` is one. An attribute `method` becomes part of the heading.
#' @param ddf For F tests, how denominator degrees of freedom are found, see [rlmm-ddf]. Where it is
#'   given, `test = "F"` is the default.
#' @param vcov,cluster For F tests with a robust covariance, see [vcov.rlmm()].
#' @param ... Handed to `sumFun`.
#' @return `drop1()` gives a data frame of class `anova` with a row for the whole model and one for
#'   each term left out: `npar`, the number of parameters that it takes; `AIC`; and with
#'   `test = "Chisq"` the likelihood ratio statistic `LRT` and `Pr(Chi)`. Every model has the rows
#'   of the whole one, also where the term left out has missing values.
#'
#'   For F tests it is lmerTest's table, with a row for each term left out and columns `Sum Sq`,
#'   `Mean Sq`, `NumDF`, `DenDF`, `F value` and `Pr(>F)`, and nothing is fitted again: the
#'   hypothesis is that the mean lies in the space of the smaller model's columns, whatever
#'   contrasts the factors have. A main effect within its interaction takes no degree of freedom.
#'
#'   `extractAIC()` gives the number of parameters and the AIC, that of the fit by maximum
#'   likelihood if `fit` is a REML fit, as in lme4.
#' @section Errors:
#' `rlmm_bad_argument` when `scope` has a term that the model does not have, or `sumFun` is missing.
#' @references Kuznetsova, A., Brockhoff, P. B. and Christensen, R. H. B. (2017) lmerTest package:
#'   tests in linear mixed effects models. *Journal of Statistical Software* 82(13), 1-26.
#'   \doi{10.18637/jss.v082.i13}
#' @examples
#' d <- transform(sleepstudy, late = Days > 5)
#' fit <- rlmm(Reaction ~ Days * late + (1 | Subject), d)
#' drop1(fit, test = "Chisq")
#' drop1(fit, ddf = "Kenward-Roger")
#' drop1(fit, scope = c("Days", "late"))
#' extractAIC(fit)
#' @importFrom stats drop1
#' @export
drop1.rlmm <- function(object, scope, scale = 0, test = c("none", "Chisq", "F", "user"), k = 2,
                       trace = FALSE, sumFun = NULL,
                       ddf = c("Satterthwaite", "Kenward-Roger", "none"), vcov = "model",
                       cluster = NULL, ...) {
  test <- if (missing(test) && !missing(ddf) && match_ddf(ddf) != "none") "F" else match.arg(test)
  if (test == "user" && !is.function(sumFun)) {
    stop_rlmm("bad_argument", "test = \"user\" needs a function 'sumFun'", column = "sumFun")
  }
  fixed <- fixed_formula(object$formula)
  scope <- terms_in_scope(fixed, if (!missing(scope)) scope)
  if (test == "F") {
    return(deletion_tests(object, fixed, scope, fixed_tests(object, ddf, vcov, cluster)))
  }
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

# F tests of the terms in scope.
deletion_tests <- function(object, fixed, scope, tests) {
  X <- fixed_matrix(object)[used_rows(object$frame), , drop = FALSE]
  hypotheses <- lapply(stats::setNames(nm = scope), function(term) {
    smaller <- reduced_matrix(object, fixed, term)[used_rows(object$frame), , drop = FALSE]
    deletion_hypothesis(X, smaller)
  })
  by <- if (tests$ddf == "none") "" else paste(" using", tests$method)
  structure(tests_of_terms(tests, hypotheses), hypotheses = hypotheses,
    heading = c(paste0("Single term deletions", by, ":"), "\nModel:", deparse(object$formula)))
}

# The rows L with L beta = 0 just where X beta is a combination of the columns of `smaller`.
deletion_hypothesis <- function(X, smaller) {
  if (ncol(smaller) == 0L) return(structure(diag(ncol(X)), dimnames = list(NULL, colnames(X))))
  size <- sqrt(colSums(X^2))
  inside <- qr.coef(qr(X / rep(size, each = nrow(X)), tol = 0), smaller)
  decomposition <- qr(inside, tol = RANK_TOLERANCE)
  rest <- seq_len(ncol(X)) > decomposition$rank
  L <- t(qr.Q(decomposition, complete = TRUE)[, rest, drop = FALSE]) * rep(size, each = sum(rest))
  L <- tidy_rows(L, size)
  colnames(L) <- colnames(X)
  L
}

# The model matrix without one term of the fixed effects.
reduced_matrix <- function(object, fixed, term) {
  model_matrix(stats::terms(reduced_formula(fixed, term)), object$frame, object$contrasts)
}

reduced_formula <- function(fixed, term) stats::update.formula(fixed, paste(". ~ . -", term))

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
  reduced <- reduced_formula(fixed, term)
  frame <- rebuilt_frame(object)
  frame$X <- reduced_matrix(object, fixed, term)
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
