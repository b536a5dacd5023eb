#' Influence of observations and of groups
#'
#' How the estimates change when an observation, or all observations of a group, are left out.
#'
#' @param model A model fitted by [rlmm()]; for `cooks.distance()`, `dfbeta()` and `dfbetas()` also
#'   what `influence()` gives.
#' @param groups What to leave out at a time: `NULL` for single observations, or the name of a
#'   grouping factor of the model (as `"batch"` or `"cask:batch"`) or of a variable in the model
#'   frame or in `data`, or a vector with one value for each row of the model frame.
#' @param data A data frame with the rows of the model frame, where `groups` is looked up.
#' @param refit Estimate the variance parameters again for each group? A search from the fitted
#'   parameters, a few steps as a rule; otherwise theta is held at its estimate, and the result is
#'   exact and quick.
#' @param type `"fixed"`: distance of the fixed effects; `"fitted"`: lme4's distance of the fitted
#'   values.
#' @param which `"fixed"` effects, or the variances and covariances (`"var.cov"`).
#' @param x What `influence()` gives.
#' @param digits Number of significant digits.
#' @param row.names,optional As in [as.data.frame()]; not used.
#' @param ... lme4's arguments for its optimiser and for parallel work are accepted and not used.
#' @return `influence()` gives a list of class `rlmm_influence`: `fixed` and `variances`, the
#'   estimates of the fit; `fixed_without`, `se_without`, `variances_without`, `sigma_without`,
#'   those without each group, one row each; `deleted`, `groups`, `refit`, `certified` (for refits)
#'   and `cooks`.
#'   `dfbeta()` gives estimates without the group less those of the fit (as lme4 does);
#'   `dfbetas()` divides them by the standard errors without the group. `as.data.frame()`
#'   joins Cook's distance, sigma and the changes. Where a group cannot be left out, since a fixed
#'   effect is then not estimable, its values are `NA`.
#' @section Cook's distance:
#' Ours is D = (beta_(g) - beta)' vcov^-1 (beta_(g) - beta) / p, with the covariance matrix of
#' the fit to all data, for one observation as for a group.
#'
#' lme4 has two that do not agree with each other. `cooks.distance()` of a fit works from leverages,
#' r^2 h / (p sigma^2 (1 - h)^2): it measures the change of all fitted values, random effects
#' included, and divides by p as if only the fixed effects had moved, so that it is large for an
#' observation that moves the random effects of its group only. `type = "fitted"` gives it.
#' `cooks.distance()` of its `influence()` measures fixed effects as ours does, by refits, and
#' multiplies by (m - p) / m for m groups: `refit = TRUE` gives its values up to that factor.
#' @section Speed:
#' Theta fixed, the observations of a group of up to 400 rows cost one small matrix each, from a
#' factorisation that is made once; larger groups are left out of the cross-products.
#' @section Errors:
#' `rlmm_unknown_name` where `groups` is the name of nothing in the model frame or `data`,
#' `rlmm_bad_argument` where it has not one value for each row.
#' @references Cook & Weisberg (1982). Residuals and Influence in Regression. Chapman and Hall.
#' Demidenko & Stukel (2005). Influence analysis for linear mixed-effects models. Statistics in
#' Medicine 24, 893-909.
#' @seealso [hatvalues.rlmm()] and [rstudent.rlmm()].
#' @examples
#' fit <- rlmm(Reaction ~ Days + (Days | Subject), sleepstudy)
#' inf <- influence(fit, "Subject")
#' inf
#' head(dfbetas(inf))
#' plot(inf)
#' head(sort(cooks.distance(fit), decreasing = TRUE))
#' @name influence.rlmm
#' @importFrom stats influence
#' @export
influence.rlmm <- function(model, groups = NULL, data = NULL, refit = FALSE, ...) {
  check_flag(refit, "refit")
  found <- deletion_groups(model, groups, data)
  out <- if (refit) {
    without_by_rust(model, found$rows, TRUE)
  } else {
    parts <- leverage_parts(model)
    if (is.null(groups)) without_each_row(model, parts) else
      without_each_group(model, parts, found$rows)
  }
  influence_object(model, found, out, refit)
}

influence_object <- function(model, found, out, refit) {
  labels <- found$labels
  with_names <- function(x, columns) {
    matrix(x, length(labels), length(columns), dimnames = list(labels, columns))
  }
  beta <- names(model$beta)
  variances <- scale_change(model, "variance")$estimate
  # theta fixed, all variances go with sigma^2
  without <- if (is.null(out$theta)) outer(out$sigma^2 / model$sigma^2, variances) else
    t(vapply(seq_along(labels), function(i) {
      if (anyNA(out$theta[i, ])) return(variances * NA)
      model$theta <- out$theta[i, ]
      model$sigma <- out$sigma[i]
      scale_change(model, "variance")$estimate
    }, variances))
  scaled <- out$change %*% t(model$RX) / model$sigma
  structure(class = "rlmm_influence", list(
    fixed = model$beta, variances = variances,
    fixed_without = with_names(sweep(out$change, 2L, model$beta, `+`), beta),
    se_without = with_names(out$se, beta),
    variances_without = with_names(without, names(variances)),
    sigma_without = stats::setNames(out$sigma, labels),
    cooks = stats::setNames(rowSums(scaled^2) / max(1L, length(beta)), labels),
    deleted = labels, groups = found$name, refit = refit, certified = out$certified
  ))
}

# The rows of each group, and labels.
deletion_groups <- function(object, groups, data) {
  frame <- object$frame
  if (is.null(groups)) {
    rows <- as.list(seq_len(nrow(frame)))
    return(list(rows = rows, labels = row.names(frame), name = "observation"))
  }
  values <- groups
  if (is.character(groups) && length(groups) == 1L) values <- group_values(object, groups, data)
  if (length(values) != nrow(frame)) {
    stop_rlmm("bad_argument", paste0("'groups' has ", length(values), " values for the ",
      nrow(frame), " rows of the model frame"), column = "groups")
  }
  rows <- split(seq_len(nrow(frame)), values, drop = TRUE)
  name <- if (is.character(groups) && length(groups) == 1L) groups else "group"
  list(rows = unname(rows), labels = names(rows), name = name)
}

group_values <- function(object, name, data) {
  for (term in random_terms(object)) {
    if (term$group == name) return(factor(term$levels[term$codes], term$levels))
  }
  found <- if (!is.null(data) && name %in% names(data)) data[[name]] else object$frame[[name]]
  if (is.null(found)) {
    stop_rlmm("unknown_name", paste0("'groups' names '", name, "', which is neither a grouping ",
      "factor of the model (", quoted_list(factor_names(object)),
      ") nor a variable of its frame; give 'data', or the values"), column = name)
  }
  found
}

#' @rdname influence.rlmm
#' @importFrom stats cooks.distance
#' @export
cooks.distance.rlmm <- function(model, type = c("fixed", "fitted"), ...) {
  type <- one_of(type, c("fixed", "fitted"), "type")
  parts <- leverage_parts(model)
  g <- parts$r / ifelse(parts$h < 1 - 1e-10, 1 - parts$h, NA)
  squared <- if (type == "fixed") rowSums(parts$F^2) * g^2 else parts$h * g^2
  distance <- squared / (model$sigma^2 * max(1L, length(model$beta)))
  names(distance) <- row.names(model$frame)
  stats::naresid(attr(model$frame, "na.action"), distance)
}

#' @rdname influence.rlmm
#' @export
cooks.distance.rlmm_influence <- function(model, ...) model$cooks

#' @rdname influence.rlmm
#' @importFrom stats dfbeta
#' @export
dfbeta.rlmm_influence <- function(model, which = c("fixed", "var.cov"), ...) {
  which <- one_of(which, c("fixed", "var.cov"), "which")
  if (which == "fixed") return(sweep(model$fixed_without, 2L, model$fixed))
  sweep(model$variances_without, 2L, model$variances)
}

#' @rdname influence.rlmm
#' @importFrom stats dfbetas
#' @export
dfbetas.rlmm_influence <- function(model, ...) dfbeta(model) / model$se_without

#' @rdname influence.rlmm
#' @export
dfbeta.rlmm <- function(model, ...) dfbeta(influence(model, ...))

#' @rdname influence.rlmm
#' @export
dfbetas.rlmm <- function(model, ...) dfbetas(influence(model, ...))

#' @rdname influence.rlmm
#' @export
as.data.frame.rlmm_influence <- function(x, row.names = NULL, optional = FALSE, ...) {
  data.frame(deleted = x$deleted, cooks = unname(x$cooks), sigma = unname(x$sigma_without),
    unname_rows(dfbeta(x)), check.names = FALSE)
}

unname_rows <- function(x) `rownames<-`(x, NULL)

#' @rdname influence.rlmm
#' @export
print.rlmm_influence <- function(x, digits = max(3, getOption("digits") - 3), ...) {
  cat("Influence by ", x$groups, ", ", length(x$deleted), " left out in turn, ",
    if (x$refit) "variances estimated again" else "theta fixed", "\n", sep = "")
  top <- utils::head(order(x$cooks, decreasing = TRUE), 6L)
  cat("Largest Cook's distances, and changes of the fixed effects in standard errors:\n")
  print(cbind(cooks = x$cooks, dfbetas(x))[top, , drop = FALSE], digits = digits)
  invisible(x)
}
