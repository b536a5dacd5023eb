#' The effect of a covariate, with a line for each group
#'
#' Predictions of the population with a confidence band, those of each level of a grouping
#' factor as thin lines, and the data as points.
#'
#' @param object A model fitted by [rlmm()].
#' @param variable Name of a variable of the fixed effects; the first one unless given.
#' @param group Name of a grouping factor, `NA` for no lines; the first one of the model unless
#'   given.
#' @param at A named list or one-row data frame with values of other variables. Otherwise numbers
#'   stand at their means, factors at their most frequent level.
#' @param level Probability of the confidence band.
#' @param points Draw the data?
#' @param data The data of the fit, where they are no longer to be found.
#' @param ... Handed to [lattice::xyplot()].
#' @return A `trellis` object.
#' @section Errors:
#' `rlmm_unknown_name` where `variable` or `group` is not of the model, `rlmm_missing_variable`
#' where the data of the fit are not to be found.
#' @examples
#' fit <- rlmm(Reaction ~ Days + (Days | Subject), sleepstudy)
#' plot_effect(fit)
#' @export
plot_effect <- function(object, variable = NULL, group = NULL, at = NULL, level = 0.95,
                        points = TRUE, data = NULL, ...) {
  check_fit(object, "plot_effect")
  effect_picture(effect_parts(object, variable, group, at, level, points, data), ...)
}

# What the picture shows: values of the variable; fit, lwr and upr of the population; a matrix of
# the groups' lines, or NULL; the data, or NULL; labels of the axes.
effect_parts <- function(object, variable = NULL, group = NULL, at = NULL, level = 0.95,
                         points = TRUE, data = NULL) {
  if (is.null(data)) data <- getData(object)
  variable <- effect_variable(object, variable, data)
  if (is.null(group)) group <- factor_names(object)[1L]
  x <- effect_values(data[[variable]])
  grid <- typical_row(object, data, at)[rep(1L, length(x)), , drop = FALSE]
  grid[[variable]] <- x
  population <- predict(object, grid, re.form = NA, interval = "confidence", level = level)
  list(x = x, population = population,
    lines = if (!is.na(group)) population[, "fit"] + group_effects(object, grid, group),
    seen = if (points) list(x = data[[variable]], y = eval(object$formula[[2L]], data,
      environment(object$formula))),
    labels = list(xlab = variable, ylab = text_of(object$formula[[2L]])))
}

effect_variable <- function(object, variable, data) {
  known <- all.vars(fixed_formula(object$formula)[[3L]])
  if (is.null(variable)) variable <- known[1L]
  if (length(variable) == 1L && variable %in% known && !variable %in% names(data)) {
    stop_rlmm("missing_variable", paste0("the variable '", variable, "' is not in the model ",
      "frame, and the data of the fit are not to be found; give them as 'data'"), column = variable)
  }
  if (length(variable) != 1L || !variable %in% known) {
    stop_rlmm("unknown_name", paste0("'variable' must be a variable of the fixed effects",
      if (length(known)) paste0(": ", quoted_list(known))), column = "variable")
  }
  variable
}

effect_values <- function(x) {
  if (is.numeric(x)) return(seq(min(x, na.rm = TRUE), max(x, na.rm = TRUE), length.out = 60L))
  if (is.factor(x)) factor(levels(x), levels(x), ordered = is.ordered(x)) else sort(unique(x))
}

# One row with a usual value of every variable of the model.
typical_row <- function(object, data, at) {
  names <- intersect(all.vars(object$formula[[3L]]), names(data))
  row <- lapply(data[names], function(x) {
    if (is.numeric(x)) return(if (is.matrix(x)) t(colMeans(x)) else mean(x, na.rm = TRUE))
    x[match(names(which.max(table(x))), as.character(x))]
  })
  row[names(at)] <- as.list(at)
  as.data.frame(row)
}

# What the terms of one grouping factor add to the population's line: a matrix, levels in columns.
group_effects <- function(object, grid, group) {
  if (!group %in% factor_names(object)) {
    stop_rlmm("unknown_name", paste0("'group' must be one of ", quoted_list(factor_names(object))),
      column = "group")
  }
  of_group <- function(bar) group %in% vapply(bar$groups, `[[`, "", "name")
  bars <- Filter(of_group, parse_formula(object$formula)$bars)
  frame <- prediction_frame(object, grid, list(), FALSE, stats::na.pass, left_variables(bars))
  effects <- lapply(bars, function(bar) {
    Z <- bar_matrix(object, bar, frame)
    parts <- if (bar$split) as.list(colnames(Z)) else list(colnames(Z))
    tcrossprod(Z, modes_of_columns(object, group, parts))
  })
  Reduce(`+`, effects)
}

# Places on the axis: numbers as they are, levels one by one, and data of a level side by side.
effect_places <- function(parts) {
  is_number <- is.numeric(parts$x)
  seen <- parts$seen$x
  if (!is_number && !is.null(seen)) {
    seen <- spread(match(as.character(seen), as.character(parts$x)), 0.16)
  }
  list(is_number = is_number, at = if (is_number) parts$x else seq_along(parts$x), seen = seen)
}

effect_line_alpha <- function(lines) max(0.08, min(0.9, 25 / ncol(lines)))

effect_picture <- function(parts, ...) {
  population <- parts$population
  lines <- parts$lines
  seen <- parts$seen
  places <- effect_places(parts)
  at <- places$at
  n <- max(length(seen$y), 1L)
  panel <- function(...) {
    lattice::panel.grid(h = -1, v = if (places$is_number) -1 else 0, col = "grey92")
    if (!is.null(seen)) {
      lattice::panel.points(places$seen, seen$y, pch = 16, cex = 0.45,
        col = with_alpha("grey40", point_alpha(n) * 0.6))
    }
    for (k in seq_len(if (is.null(lines)) 0L else ncol(lines))) {
      lattice::panel.lines(at, lines[, k], lwd = 0.8,
        col = with_alpha(SOFT, effect_line_alpha(lines)))
    }
    if (places$is_number) {
      lattice::panel.polygon(c(at, rev(at)), c(population[, "lwr"], rev(population[, "upr"])),
        col = with_alpha(ACCENT, 0.2), border = NA)
      lattice::panel.lines(at, population[, "fit"], col = ACCENT, lwd = 2.5)
    } else {
      lattice::panel.segments(at, population[, "lwr"], at, population[, "upr"], col = ACCENT,
        lwd = 2.5)
      lattice::panel.points(at, population[, "fit"], col = ACCENT, pch = 16, cex = 1.1)
    }
  }
  draw(lattice::xyplot, list(population[, "fit"] ~ at, panel = panel, par.settings = plot_theme(n),
    xlim = if (places$is_number) range_with_margin(at) else c(0.5, length(at) + 0.5),
    ylim = range_with_margin(population, lines, seen$y),
    scales = if (places$is_number) list() else
      list(x = list(at = at, labels = as.character(parts$x)))), parts$labels, ...)
}
