#' Tests of random-effects terms
#'
#' Likelihood ratio tests of the model against those that lack one random-effects term, or one
#' effect of a term, each.
#'
#' @param model A model fitted by [rlmm()], or by lmerTest.
#' @param reduce.terms Reduce terms such as `(x | g)` to `(1 | g)`, effect by effect, or leave out
#'   whole terms?
#' @param ... Not used.
#' @return A data frame of class `anova` in lmerTest's layout: a row for the model, and one for each
#'   smaller one with columns `npar`, `logLik`, `AIC`, `LRT`, `Df` and `Pr(>Chisq)`, and
#'   `Pr(>mixture)` beside it. Attribute `formulae` has the formulas of the smaller models. Criteria
#'   are those of the fit: REML criteria of a REML fit, which are comparable as the fixed effects
#'   are the same.
#' @details
#' `(x | g)` is reduced to `(1 | g)`, `(a + b | g)` to `(b | g)` and to `(a | g)`, `(0 + f | g)`
#' with a factor f to `(1 | g)`; effects that are part of an interaction on the left side stay. A
#' term with nothing left goes. Of uncorrelated effects, `(x || g)`, one at a time goes. Without its
#' last term the model is the linear one, and its criterion that of [stats::logLik()] of an [lm()]
#' fit.
#'
#' A variance of zero lies on the boundary, and `Pr(>Chisq)` is too large, up to twice.
#' `Pr(>mixture)` refers to the 50:50 mixture of chi-squared distributions with `Df` - 1 and `Df`
#' degrees of freedom, (P(chi2_(Df-1) > LRT) + P(chi2_Df > LRT)) / 2, where exactly one variance,
#' with its covariances, is left out (Self and Liang 1987; Stram and Lee 1994), and is `NA`
#' elsewhere or where the smaller model is singular itself.
#' @section Errors: `rlmm_no_method` for anything but a fit by [rlmm()].
#' @references Kuznetsova, A., Brockhoff, P. B. and Christensen, R. H. B. (2017) lmerTest package:
#'   tests in linear mixed effects models. *Journal of Statistical Software* 82(13), 1-26.
#'   \doi{10.18637/jss.v082.i13}
#'
#' Self and Liang (1987), Stram and Lee (1994): see [anova.rlmm()].
#' @examples
#' fit <- rlmm(Reaction ~ Days + (Days | Subject), sleepstudy)
#' ranova(fit)
#' ranova(fit, reduce.terms = FALSE)
#' @export
ranova <- function(model, reduce.terms = TRUE, ...) {
  if (inherits(model, "merMod")) {
    return(hand_to("lmerTest", "ranova", model, reduce.terms = reduce.terms, ...))
  }
  check_fit(model, "ranova")
  refuse_constrained(model, "ranova()")
  check_flag(reduce.terms, "reduce.terms")
  table <- random_deletions(model, reduce.terms)
  structure(table, heading = c("ANOVA-like table for random-effects: Single term deletions",
    "\nModel:", deparse(model$formula)))
}

# The table without its heading, and the models without one term each as attribute "reductions".
random_deletions <- function(model, reduce.terms) {
  reductions <- term_reductions(model, reduce.terms)
  parts <- lapply(reductions, function(r) reduced_parts(model, r$terms))
  whole <- c(list(name = "<none>", fit = model), rlmm_parts(model))
  likelihoods <- lapply(c(list(whole), parts), function(part) {
    if (is.null(part$logLik)) logLik(part$fit) else part$logLik
  })
  npar <- vapply(likelihoods, attr, 0, "df")
  value <- vapply(likelihoods, as.double, 0)
  LRT <- 2 * (value[1L] - value)
  # what the searches do not find
  LRT[LRT < 1e-8] <- 0
  Df <- npar[1L] - npar
  table <- data.frame(npar = as.integer(npar), logLik = value, AIC = -2 * value + 2 * npar,
    LRT = LRT, Df = as.integer(Df), "Pr(>Chisq)" = stats::pchisq(LRT, Df, lower.tail = FALSE),
    "Pr(>mixture)" = mixture_p_value(LRT, c(NA, vapply(parts, boundary_df, 1L, large = whole))),
    row.names = c("<none>", vapply(reductions, `[[`, "", "label")), check.names = FALSE)
  table[1L, c("LRT", "Df", "Pr(>Chisq)", "Pr(>mixture)")] <- NA
  formulae <- lapply(reductions, function(r) formula_with_terms(model, r$terms))
  names(formulae) <- row.names(table)[-1L]
  structure(table, formulae = formulae, class = c("rlmm_ranova", "anova", "data.frame"))
}

# The ways to make the model smaller: label, and the terms that remain.
term_reductions <- function(model, reduce.terms) {
  terms <- terms_as_written(model)
  found <- lapply(seq_along(terms), function(i) {
    term <- terms[[i]]
    whole <- list(list(label = term_text(term), terms = terms[-i]))
    if (!reduce.terms) return(whole)
    effects <- stats::drop.scope(stats::terms(one_sided(term$left)))
    if (length(effects) == 0L) return(whole)
    smaller <- lapply(effects, left_without, left = term$left, frame = model$frame)
    Map(function(effect, left) {
      # last, where lmerTest has it
      changed <- if (!is.null(left)) list(replace(term, "left", list(left)))
      list(label = paste(effect, "in", term_text(term)), terms = c(terms[-i], changed))
    }, effects, smaller)
  })
  unname(unlist(found, recursive = FALSE))
}

# The random-effects terms as parts of a formula: left, bar and group. `(x || g)` is (1 | g) and
# (0 + x | g), unless an effect has several columns, which the formula cannot name.
terms_as_written <- function(model) {
  columns <- unlist(lapply(model$random, `[[`, "columns"))
  found <- lapply(parse_formula(model$formula)$bars, function(bar) {
    labels <- if (!is.null(bar$terms)) attr(bar$terms, "term.labels")
    intercept <- is.null(bar$terms) || attr(bar$terms, "intercept") == 1L
    lefts <- list(bar$left)
    if (bar$split && all(labels %in% columns)) {
      lefts <- c(if (intercept) list(1), lapply(labels, function(l) call("+", 0, str2lang(l))))
      bar$split <- FALSE
    }
    unlist(lapply(lefts, function(left) lapply(bar$groups, function(group) {
      list(left = left, bar = if (bar$split) "||" else "|",
        group = Reduce(function(a, b) call(":", a, b), group$parts))
    })), recursive = FALSE)
  })
  unlist(found, recursive = FALSE)
}

term_call <- function(term) call("(", call(term$bar, term$left, term$group))

term_text <- function(term) text_of(term_call(term))

one_sided <- function(left) {
  structure(call("~", left), class = "formula", .Environment = globalenv())
}

# The left side without an effect, NULL if nothing is left. Without an intercept a factor leaves
# one behind: (0 + f | g) has covariances of its levels, of which those of (1 | g) are
# special.
left_without <- function(left, effect, frame) {
  terms <- stats::terms(one_sided(left))
  labels <- setdiff(attr(terms, "term.labels"), effect)
  is_class_term <- function(label) {
    variables <- rownames(attr(terms, "factors"))[attr(terms, "factors")[, label] > 0]
    all(vapply(frame[frame_names(variables)], is_class, NA))
  }
  intercept <- attr(terms, "intercept") == 1L ||
    is_class_term(effect) && !any(vapply(labels, is_class_term, NA))
  if (length(labels) == 0L) return(if (intercept) 1)
  sum_of(c(if (!intercept) list(0), lapply(labels, str2lang)))
}

formula_with_terms <- function(model, terms) {
  formula <- fixed_formula(model$formula)
  formula[[3L]] <- sum_of(c(list(formula[[3L]]), lapply(terms, term_call)))
  formula
}

# What boundary_df() needs of a smaller model, and its log-likelihood.
reduced_parts <- function(model, terms) {
  if (length(terms) == 0L) {
    parts <- rlmm_parts(model)
    parts$terms <- list()
    return(c(list(name = "", fit = structure(list(), class = "lm"),
      logLik = logLik_without_terms(model, parts)), parts))
  }
  fit <- with_random_terms(model, terms)
  c(list(name = "", fit = fit), rlmm_parts(fit))
}

# The fit with other random-effects terms, on the same rows.
with_random_terms <- function(model, terms) {
  model$formula <- formula_with_terms(model, terms)
  frame <- rebuilt_frame(model)
  opt <- fit_frame(frame)
  fit <- withCallingHandlers(rlmm_object(frame, opt, model$call),
    rlmm_singular = function(m) invokeRestart("muffleMessage"))
  if (!is.null(fit$call)) fit$call$formula <- fit$formula
  fit$dropped <- model$dropped
  fit
}

# The log-likelihood, by REML as that of the model if that is one, of y ~ N(X beta, sigma^2 W^-1).
logLik_without_terms <- function(model, parts) {
  root <- sqrt(parts$weights)
  decomposition <- qr(parts$X * root, tol = 1e-12)
  rss <- sum(qr.resid(decomposition, (parts$y - parts$offset) * root)^2)
  n <- length(parts$y)
  p <- ncol(parts$X)
  d <- if (model$REML) n - p else n
  log_det <- if (model$REML && p) 2 * sum(log(abs(diag(qr.R(decomposition))))) else 0
  criterion <- d * (1 + log(2 * pi * rss / d)) + log_det - sum(log(parts$weights))
  structure(-criterion / 2, nall = n, nobs = n, df = p + 1, class = "logLik")
}

#' @export
print.rlmm_ranova <- function(x, digits = max(getOption("digits") - 2L, 3L), ...) {
  print_with_mixture(x, row.names(x), digits, ...)
}
