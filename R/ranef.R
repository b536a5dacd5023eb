#' Random effects
#'
#' The conditional modes b of the random effects given the data and the estimates, and each level's
#' coefficients, fixed and random together.
#'
#' @param object A model fitted by [rlmm()].
#' @param condVar Also give the conditional covariance of the random effects of each level?
#' @param drop Give a named vector, not a data frame, for a factor with one random effect per level.
#' @param whichel Names or numbers of the grouping factors wanted; all by default.
#' @param postVar An older name of `condVar`.
#' @param x What `ranef()` or `coef()` gives.
#' @param row.names,optional As in [as.data.frame()]; not used.
#' @param ... Not used.
#' @return `ranef()` and `coef()` give a list with one data frame for each grouping factor, levels
#'   in rows; terms with the same factor stand side by side. With `condVar`, attribute `postVar` of
#'   each holds an array of effects by effects by levels, or a list of such arrays, one for each
#'   term, where several terms share the factor. The covariances are given theta, sigma and beta, as
#'   lme4's. `as.data.frame()` gives columns `grpvar`, `term`, `grp`, `condval` and `condsd`, `grp`
#'   ordered by the size of the factor's first effect. The classes are ours and lme4's `ranef.mer`
#'   and `coef.mer`.
#' @section Errors: `rlmm_unknown_name` where `whichel` is no grouping factor of the model.
#' @references Bates, Maechler, Bolker & Walker (2015). Fitting linear mixed-effects models using
#'   lme4. Journal of Statistical Software 67(1), equations 56 to 58.
#' @examples
#' fit <- rlmm(Reaction ~ Days + (Days | Subject), sleepstudy)
#' head(ranef(fit)$Subject)
#' head(as.data.frame(ranef(fit)))
#' head(coef(fit)$Subject)
#' @name ranef.rlmm
#' @export
ranef.rlmm <- function(object, condVar = TRUE, drop = FALSE, whichel = NULL,
                       postVar = FALSE, ...) {
  b <- modes(object)
  arrays <- if (condVar || postVar) conditional_covariances(object)
  groups <- factor_names(object)
  terms_of <- split(seq_along(b), factor_of_term(object))
  names(terms_of) <- groups
  if (is.null(whichel)) whichel <- groups
  chosen <- if (is.character(whichel)) match(whichel, groups) else seq_along(groups)[whichel]
  if (anyNA(chosen)) {
    stop_rlmm("unknown_name", paste0(
      "no grouping factor '", whichel[is.na(chosen)][1], "': there are ", quoted_list(groups)
    ), term = whichel[is.na(chosen)][1])
  }
  out <- lapply(terms_of[chosen], function(i) effects_of_factor(b[i], arrays[i], drop))
  structure(out, class = c("rlmm_ranef", "ranef.mer"))
}

# One factor's effects: the terms' columns side by side.
effects_of_factor <- function(modes, arrays, drop) {
  joined <- do.call(cbind, modes)
  post_var <- if (length(arrays)) {
    if (length(modes) == 1) arrays[[1]] else stats::setNames(arrays, vapply(modes, term_label, ""))
  }
  if (drop && ncol(joined) == 1) {
    return(structure(joined[, 1], postVar = if (length(arrays)) as.vector(post_var)))
  }
  out <- as.data.frame(joined, optional = TRUE)
  attr(out, "postVar") <- post_var
  out
}

term_label <- function(modes) {
  columns <- colnames(modes)
  if (length(columns) == 1) columns else paste(deparse(columns, width.cutoff = 500), collapse = "")
}

# Covariance of b given the data and the estimates, an array for each term.
conditional_covariances <- function(object) {
  arrays <- rust_result(rust_cond_var(rust_state(object), object$theta))
  lapply(arrays, function(a) a * object$sigma^2)
}

#' @rdname ranef.rlmm
#' @importFrom stats coef
#' @export
coef.rlmm <- function(object, ...) {
  out <- lapply(unclass(ranef(object, condVar = FALSE)), add_fixed, beta = fixef(object))
  structure(out, class = c("rlmm_coef", "coef.mer"))
}

# Each level's coefficients: an effect without a fixed part has mean zero.
add_fixed <- function(effects, beta) {
  without_fixed <- setdiff(names(effects), names(beta))
  beta <- c(stats::setNames(numeric(length(without_fixed)), without_fixed), beta)
  out <- as.data.frame(lapply(beta, rep, times = nrow(effects)), optional = TRUE)
  dimnames(out) <- list(rownames(effects), names(beta))
  out[names(effects)] <- out[names(effects)] + effects
  out
}

#' @rdname ranef.rlmm
#' @export
print.rlmm_ranef <- function(x, ...) {
  plain <- lapply(unclass(x), function(effects) {
    attr(effects, "postVar") <- NULL
    effects
  })
  print(plain, ...)
  has_variance <- !all(vapply(unclass(x), function(e) is.null(attr(e, "postVar")), NA))
  if (has_variance) {
    cat("with conditional covariances of the random effects in attribute 'postVar'\n")
  }
  invisible(x)
}

#' @rdname ranef.rlmm
#' @export
print.rlmm_coef <- function(x, ...) {
  print(unclass(x), ...)
  invisible(x)
}

#' @rdname ranef.rlmm
#' @export
as.data.frame.rlmm_ranef <- function(x, row.names = NULL, optional = FALSE, ...) {
  parts <- Map(long_effects, unclass(x), names(x))
  out <- do.call(rbind, unname(parts))
  rownames(out) <- NULL
  out
}

long_effects <- function(effects, group) {
  if (!is.data.frame(effects)) {
    variance <- attr(effects, "postVar")
    effects <- effects_table(effects)
    if (!is.null(variance)) attr(effects, "postVar") <- array(variance, c(1, 1, length(variance)))
  }
  levels <- rownames(effects)
  n <- length(levels)
  out <- data.frame(
    grpvar = group,
    term = factor(rep(names(effects), each = n), levels = unique(names(effects))),
    grp = factor(rep(levels, ncol(effects)), levels = levels[order(effects[[1]])]),
    condval = unlist(effects, use.names = FALSE)
  )
  deviations <- conditional_sd(attr(effects, "postVar"))
  if (!is.null(deviations)) out$condsd <- deviations
  out
}

# Conditional standard deviations in the order of the data frame: effect by effect.
conditional_sd <- function(post_var) {
  if (is.null(post_var)) return(NULL)
  arrays <- if (is.list(post_var)) post_var else list(post_var)
  unlist(lapply(arrays, function(a) {
    variances <- matrix(apply(a, 3, diag), nrow = dim(a)[1])
    as.vector(sqrt(pmax(t(variances), 0)))
  }), use.names = FALSE)
}
