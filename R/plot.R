#' Plots of a fitted model
#'
#' @param x A model fitted by [rlmm()].
#' @param form A formula for the axes, as `resid(., scaled = TRUE) ~ fitted(.) | Subject`: `.` is
#'   the model, and variables are looked up in its frame and its data. A factor on the left gives
#'   boxes, a formula without left side a density.
#' @param which The picture when there is no `form`: `"residuals"` against fitted values, `"qq"`
#'   (normal quantiles of the residuals, with a band of pointwise probability 0.95),
#'   `"scale"` (root of the standardised residuals' size against fitted values), `"group"`
#'   (residuals by level: median, quartiles, and the range from 5 to 95 percent).
#' @param group Grouping factor for `which = "group"`; the first of the model unless given.
#' @param abline What [lattice::panel.abline()] is to draw: a number or a list of its arguments.
#' @param id A number p: label the points whose standardised residuals are beyond the normal
#'   quantiles of p / 2 and 1 - p / 2. Or a one-sided formula that is `TRUE` for them.
#' @param idLabels The labels, a vector or a one-sided formula; row names by default.
#' @param grid,smooth Draw a grid; a smooth line?
#' @param data Not used; it belongs to lattice's generic.
#' @param ... Handed to lattice.
#' @return A `trellis` object, drawn when printed. `qqmath()` gives the picture `"qq"`.
#' @section Errors:
#' `rlmm_bad_argument` for a `form` or `id` that cannot be one, `rlmm_evaluation` where a formula
#' cannot be evaluated.
#' @seealso [plot_effect()], [plot_shrinkage()], [plot.rlmm_ranef()], [plot.rlmm_influence()];
#'   [autoplot.rlmm()] for the same pictures by ggplot2.
#' @examples
#' fit <- rlmm(Reaction ~ Days + (Days | Subject), sleepstudy)
#' plot(fit, id = 0.01)
#' plot(fit, which = "qq")
#' qqmath(fit, id = 0.01)
#' plot(fit, which = "group")
#' plot(fit, resid(., scaled = TRUE) ~ Days | Subject, abline = 0)
#' plot(fit, Subject ~ resid(.))
#' @export
plot.rlmm <- function(x, form = NULL, which = c("residuals", "qq", "scale", "group"), group = NULL,
                      abline = NULL, id = NULL, idLabels = NULL, grid = TRUE, smooth = TRUE, ...) {
  if (is.null(form)) {
    which <- one_of(which, c("residuals", "qq", "scale", "group"), "which")
    if (which == "qq") return(qqmath.rlmm(x, id = id, idLabels = idLabels, ...))
    if (which == "group") return(plot_residuals_by_group(x, group, ...))
    form <- if (which == "scale") sqrt(abs(rstandard(.))) ~ fitted(.) else
      residuals(., type = "pearson") ~ fitted(.)
    if (is.null(abline) && which == "residuals") abline <- list(h = 0)
    labels <- list(xlab = "Fitted values", ylab = if (which == "scale")
      expression(sqrt("|standardised residuals|")) else "Residuals")
    environment(form) <- asNamespace("rlmm")
  } else {
    labels <- NULL
  }
  plot_by_formula(x, form, labels, abline, id, idLabels, grid, smooth, ...)
}

plot_by_formula <- function(x, form, labels, abline, id, idLabels, grid, smooth, ...) {
  if (!inherits(form, "formula")) {
    stop_rlmm("bad_argument", "'form' must be a formula, such as resid(.) ~ fitted(.)",
      column = "form")
  }
  parts <- formula_parts(x, form)
  if (is.null(labels)) labels <- list(xlab = parts$xlab, ylab = parts$ylab)
  data <- parts$data
  axes <- if (is.null(data$y)) ~x else y ~ x
  if (!is.null(data$g)) axes[[length(axes)]] <- call("|", axes[[length(axes)]], quote(g))
  common <- list(axes, data = data, par.settings = plot_theme(nrow(data)))
  if (is.null(data$y)) {
    return(draw(lattice::densityplot, common, labels["xlab"], list(plot.points = FALSE), ...))
  }
  if (is.factor(data$y)) {
    boxes <- list(panel = function(...) {
      lattice::panel.abline(v = 0, col = "grey60")
      lattice::panel.bwplot(..., pch = "|", fill = "grey95")
    })
    return(draw(lattice::bwplot, common, labels, boxes, ...))
  }
  draw(lattice::xyplot, common, labels, list(panel = panel_scatter, grid = grid, smooth = smooth,
    abline = abline, marked = marked_rows(x, id, nrow(data)),
    labels = row_labels(x, idLabels)), ...)
}

# A lattice function with our settings, given as unnamed lists; the caller's are named and win.
draw <- function(fun, ...) {
  dots <- list(...)
  ours <- names_or_empty(dots) == ""
  settings <- do.call(c, dots[ours])
  given <- dots[!ours]
  do.call(fun, c(settings[!names_or_empty(settings) %in% names(given)], given))
}

names_or_empty <- function(x) if (is.null(names(x))) rep("", length(x)) else names(x)

# The parts of y ~ x | g, evaluated on the rows of the fit.
formula_parts <- function(object, form) {
  right <- form[[length(form)]]
  g <- NULL
  if (is.call(right) && identical(right[[1L]], quote(`|`))) {
    g <- right[[3L]]
    right <- right[[2L]]
  }
  left <- if (length(form) == 3L) form[[2L]]
  value <- function(expr) evaluate_on_fit(object, expr, environment(form))
  data <- data.frame(x = value(right))
  if (!is.null(left)) data$y <- value(left)
  if (is.character(data$y)) data$y <- factor(data$y)
  if (!is.null(g)) data$g <- factor(value(g))
  list(data = data, xlab = axis_label(right), ylab = if (!is.null(left)) axis_label(left))
}

axis_label <- function(expr) {
  text <- text_of(expr)
  known <- c("fitted(.)" = "Fitted values", "resid(.)" = "Residuals",
    "resid(., type = \"pearson\")" = "Pearson residuals", "residuals(.)" = "Residuals",
    "resid(., scaled = TRUE)" = "Scaled residuals")
  if (text %in% names(known)) known[[text]] else text
}

# `.` is the model without its record of left-out rows, so that nothing is padded.
evaluate_on_fit <- function(object, expr, env) {
  bare <- object
  attr(bare$frame, "na.action") <- NULL
  data <- getData(object)
  if (NROW(data) != nrow(object$frame)) data <- NULL
  columns <- c(as.list(object$frame), as.list(data))
  own <- list2env(list(. = bare), parent = if (is.null(env)) globalenv() else env)
  tryCatch(eval(expr, columns, own), error = function(e) {
    stop_rlmm("evaluation", paste0("'", text_of(expr), "' cannot be evaluated: ",
      conditionMessage(e)))
  })
}

marked_rows <- function(object, id, n) {
  if (is.null(id)) return(rep(FALSE, n))
  if (inherits(id, "formula")) {
    return(as.logical(evaluate_on_fit(object, id[[2L]], environment(id))))
  }
  if (!is.numeric(id) || length(id) != 1L || !isTRUE(id > 0 && id < 1)) {
    stop_rlmm("bad_argument", "'id' must be a formula or a number between 0 and 1", column = "id")
  }
  r <- evaluate_on_fit(object, quote(stats::residuals(., type = "pearson", scaled = TRUE)), NULL)
  abs(r) > stats::qnorm(1 - id / 2)
}

row_labels <- function(object, labels) {
  if (is.null(labels)) return(row.names(object$frame))
  if (inherits(labels, "formula")) {
    labels <- evaluate_on_fit(object, labels[[2L]], environment(labels))
  }
  as.character(labels)
}

#' @rdname plot.rlmm
#' @export
qqmath.rlmm <- function(x, data = NULL, id = NULL, idLabels = NULL, ...) {
  r <- residuals_of_frame(x)
  used <- used_rows(x$frame)
  draw(lattice::qqmath, list(~r, data = list(r = r), par.settings = plot_theme(length(r)),
    xlab = "Standard normal quantiles", ylab = "Scaled residuals", prepanel = function(x, ...) {
      list(xlim = range_with_margin(stats::qnorm(stats::ppoints(length(x)))),
        ylim = range_with_margin(x))
    }, panel = panel_qq, marked = marked_rows(x, id, length(used))[used],
    labels = row_labels(x, idLabels)[used]), ...)
}

# Scaled residuals of the rows that count.
residuals_of_frame <- function(object) {
  r <- (response_of(object) - linear_predictor(object)) * root_weights(object) / object$sigma
  r[used_rows(object$frame)]
}

plot_residuals_by_group <- function(object, group, ...) {
  found <- residual_quantiles(object, group)
  quantiles <- found$quantiles
  n <- nrow(quantiles)
  level <- factor(rownames(quantiles), rownames(quantiles))
  draw(lattice::xyplot, list(level ~ quantiles[, 3L],
    xlim = range_with_margin(quantiles), xlab = "Scaled residuals", ylab = found$group,
    scales = list(y = level_scale(n)), par.settings = plot_theme(n), panel = function(x, y, ...) {
      lattice::panel.abline(v = 0, col = "grey60")
      thin <- max(0.3, min(1, 60 / n))
      lattice::panel.segments(quantiles[, 1L], y, quantiles[, 5L], y, col = "grey75", lwd = thin)
      lattice::panel.segments(quantiles[, 2L], y, quantiles[, 4L], y, col = SOFT,
        lwd = max(0.6, min(4, 200 / n)))
      lattice::panel.points(x, y, col = INK, pch = 16, cex = max(0.25, min(0.7, 30 / n)))
    }), ...)
}

# Quantiles of the scaled residuals by level, in the order of the medians.
residual_quantiles <- function(object, group) {
  if (is.null(group)) group <- factor_names(object)[1L]
  used <- used_rows(object$frame)
  values <- factor(group_values(object, group, NULL)[used])
  quantiles <- do.call(rbind, tapply(residuals_of_frame(object), values, stats::quantile,
    c(0.05, 0.25, 0.5, 0.75, 0.95), names = FALSE))
  list(group = group, quantiles = quantiles[order(quantiles[, 3L]), , drop = FALSE])
}

# Names of the levels where there is room for them.
level_scale <- function(n) {
  if (n > 80L) return(list(draw = FALSE))
  list(cex = min(0.9, max(0.35, 28 / n)))
}
