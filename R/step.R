#' Backward elimination of random-effects and fixed-effects terms
#'
#' Leaves out random-effects terms first, then terms of the fixed effects, the least significant one
#' at a time, until all that are left are significant.
#'
#' @param object A model fitted by [rlmm()], by lmerTest, or any other.
#' @param ddf How denominator degrees of freedom of the F tests are found, see [rlmm-ddf].
#' @param alpha.random,alpha.fixed Terms with p values above these are left out.
#' @param reduce.random,reduce.fixed Should random-effects terms, and terms of the fixed effects, be
#'   left out?
#' @param keep Terms of the fixed effects that must stay: their names, or a one-sided formula.
#' @param mixture Should the p value of a random-effects term be that of the chi-squared mixture,
#'   where [ranova()] has one? By default it is the plain one, as in lmerTest.
#' @param x What `step()` gives.
#' @param digits Number of significant digits.
#' @param ... Handed to the methods.
#' @return A list of class `rlmm_step` with data frames `random` (as of [ranova()]) and `fixed` (as
#'   of [drop1()][drop1.rlmm()] with `ddf`), whose column `Eliminated` says when a term was left
#'   out, and is 0 for those that stay. `get_model()` gives the model that was found. It is one by
#'   [lm()] where no random-effects term was left.
#' @details
#' Random-effects terms are tested by [ranova()] with `reduce.terms = TRUE`, terms of the fixed
#' effects by the F tests of [drop1()][drop1.rlmm()]; terms that an interaction contains stay until
#' that is gone. P values after a selection are too small, and a model that was selected is not
#' the one to test in.
#'
#' [stats::step()] is no generic function. This one is, as lmerTest's is: models of lmerTest are
#' handed to it, and all others to [stats::step()]. Where that, or lmerTest, is attached last, write
#' `rlmm::step()`.
#' @section Errors: `rlmm_bad_argument` for `ddf = "none"`.
#' @references Kuznetsova, A., Brockhoff, P. B. and Christensen, R. H. B. (2017) lmerTest package:
#'   tests in linear mixed effects models. *Journal of Statistical Software* 82(13), 1-26.
#'   \doi{10.18637/jss.v082.i13}
#' @examples
#' d <- transform(dietox, noise = sin(seq_along(Weight)))
#' found <- step(rlmm(Weight ~ Time * Cu + noise + (Time | Pig), d))
#' found
#' formula(get_model(found))
#' @rawNamespace
#' S3method(lmerTest::step, rlmm)
#' @export
step <- function(object, ...) UseMethod("step")

#' @export
step.default <- function(object, ...) {
  if (inherits(object, "lmerModLmerTest")) return(hand_to("lmerTest", "step", object, ...))
  stats::step(object, ...)
}

#' @rdname step
#' @export
step.rlmm <- function(object, ddf = c("Satterthwaite", "Kenward-Roger"), alpha.random = 0.1,
                      alpha.fixed = 0.05, reduce.fixed = TRUE, reduce.random = TRUE, keep = NULL,
                      mixture = FALSE, ...) {
  ddf <- match_ddf(if (length(ddf) > 1L) ddf[1L] else ddf)
  if (ddf == "none") stop_rlmm("bad_argument", "step() needs degrees of freedom", column = "ddf")
  keep <- if (length(keep)) terms_in_scope(fixed_formula(object$formula), keep)
  random <- eliminate_random(object, if (reduce.random) alpha.random else 1, mixture)
  fixed <- eliminate_fixed(random$model, ddf, if (reduce.fixed) alpha.fixed else 1, keep)
  structure(list(random = random$table, fixed = fixed$table), model = fixed$model,
    drop1 = fixed$last, ddf = ddf, class = c("rlmm_step", "step_list"))
}

# The table and the model that is left.
eliminate_random <- function(model, alpha, mixture) {
  gone <- NULL
  first <- NULL
  repeat {
    table <- random_deletions(model, TRUE)
    if (is.null(first)) first <- table[1L, ]
    rows <- as.data.frame(table)[-1L, , drop = FALSE]
    p <- rows[["Pr(>Chisq)"]]
    if (mixture) p <- ifelse(is.na(rows[["Pr(>mixture)"]]), p, rows[["Pr(>mixture)"]])
    worst <- which.max(p)
    if (length(worst) == 0L || p[worst] <= alpha) break
    gone <- rbind(gone, cbind(Eliminated = NROW(gone) + 1, rows[worst, , drop = FALSE]))
    terms <- term_reductions(model, TRUE)[[worst]]$terms
    model <- if (length(terms)) with_random_terms(model, terms) else linear_fit(model)
    if (inherits(model, "lm")) {
      rows <- rows[0L, ]
      break
    }
  }
  table <- rbind(cbind(Eliminated = NA, as.data.frame(first)), gone,
    if (nrow(rows)) cbind(Eliminated = 0, rows))
  list(model = model, table = structure(table, class = c("rlmm_ranova", "anova", "data.frame"),
    heading = "Backward reduced random-effect table:\n"))
}

eliminate_fixed <- function(model, ddf, alpha, keep) {
  gone <- NULL
  repeat {
    fixed <- fixed_formula(stats::formula(model))
    scope <- setdiff(stats::drop.scope(stats::terms(fixed)), keep)
    last <- deletions_of_fixed(model, fixed, scope, ddf)
    p <- last[["Pr(>F)"]]
    # a term without a degree of freedom of its own is not needed
    p[last$NumDF == 0L] <- 1
    worst <- which.max(p)
    if (length(worst) == 0L || p[worst] <= alpha) break
    gone <- rbind(gone, cbind(Eliminated = NROW(gone) + 1, last[worst, , drop = FALSE]))
    model <- if (inherits(model, "lm")) linear_fit(model, reduced_formula(fixed, scope[worst])) else
      without_fixed_term(model, fixed, scope[worst])
  }
  rest <- cbind(Eliminated = rep(0, nrow(last)), as.data.frame(last))
  list(model = model, last = last, table = structure(rbind(gone, rest),
    class = c("anova", "data.frame"), heading = c("Backward reduced fixed-effect table:",
      if (!inherits(model, "lm")) paste("Degrees of freedom method:", ddf, "\n"))))
}

deletions_of_fixed <- function(model, fixed, scope, ddf) {
  if (!inherits(model, "lm")) return(deletion_tests(model, fixed, scope, fixed_tests(model, ddf)))
  X <- stats::model.matrix(model)[, !is.na(stats::coef(model)), drop = FALSE]
  hypotheses <- lapply(stats::setNames(nm = scope), function(term) {
    deletion_hypothesis(X, model_matrix(stats::terms(reduced_formula(fixed, term)), model$model,
      model$contrasts))
  })
  structure(tests_of_terms(linear_tests(model), hypotheses), hypotheses = hypotheses)
}

# The F tests of a linear model are exact.
linear_tests <- function(model) {
  beta <- stats::coef(model)
  beta <- beta[!is.na(beta)]
  V <- stats::vcov(model, complete = FALSE)
  d <- stats::df.residual(model)
  joint <- function(L, rhs) f_test(wald_statistic(L, rhs, beta, V) / nrow(L), nrow(L), d)
  structure(list(ddf = "exact", beta = beta, sigma = stats::sigma(model), vcov = V,
    df = function(L) rep(d, nrow(L)), joint = joint), class = "rlmm_tests")
}

# The fit without one term of the fixed effects, with a call that can be updated.
without_fixed_term <- function(model, fixed, term) {
  smaller <- fit_without(model, fixed, term, model$REML)
  smaller$call <- model$call
  if (!is.null(smaller$call)) smaller$call$formula <- smaller$formula
  smaller$control <- model$control
  smaller
}

# The linear model with the fixed effects of a fit, or with other ones, on the same rows, as lm()
# makes it.
linear_fit <- function(model, fixed = fixed_formula(stats::formula(model))) {
  frame <- if (inherits(model, "lm")) model$model else model$frame
  terms <- fixed_terms(list(formula = fixed, frame = frame))
  extra <- intersect(c("(weights)", "(offset)"), names(frame))
  columns <- frame[c(variable_names(terms), extra)]
  attr(columns, "terms") <- terms
  X <- model_matrix(stats::delete.response(terms), columns, model$contrasts)
  w <- stats::model.weights(columns)
  offset <- stats::model.offset(columns)
  y <- as.double(columns[[1L]])
  fit <- if (is.null(w)) stats::lm.fit(X, y, offset = offset) else
    stats::lm.wfit(X, y, w, offset = offset)
  known <- c("data", "subset", "weights", "na.action", "offset", "contrasts")
  call <- as.call(c(list(quote(stats::lm), formula = fixed),
    as.list(model$call)[intersect(names(model$call), known)]))
  parts <- list(na.action = attr(frame, "na.action"), offset = offset,
    contrasts = attr(X, "contrasts"), call = call, terms = terms, model = columns)
  structure(c(fit, parts[!vapply(parts, is.null, NA)]), class = "lm")
}

#' @rdname step
#' @export
print.rlmm_step <- function(x, digits = max(getOption("digits") - 2L, 3L), ...) {
  print(x$random, digits = digits, ...)
  cat("\n")
  if (nrow(x$fixed)) print(x$fixed, digits = digits, ...) else cat("No fixed effects to test\n")
  cat("\nModel found:\n", paste(deparse(stats::formula(attr(x, "model"))), collapse = "\n"), "\n",
    sep = "")
  invisible(x)
}

#' @rdname step
#' @export
get_model <- function(x, ...) UseMethod("get_model")

#' @export
get_model.default <- function(x, ...) hand_to("lmerTest", "get_model", x, ...)

#' @rdname step
#' @export
get_model.rlmm_step <- function(x, ...) attr(x, "model")
