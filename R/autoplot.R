#' The same pictures by ggplot2
#'
#' Methods for `ggplot2::autoplot()` with the panels of the lattice pictures, as objects to which
#' layers, scales and themes can be added; and `fortify()`, the data behind the residuals.
#'
#' @param object,model A model fitted by [rlmm()], or what [ranef()], [coef()] or [influence()]
#'   gives for one.
#' @param which For a fit: as in [plot.rlmm()], and `"effect"` for [plot_effect()], `"shrinkage"`
#'   for [plot_shrinkage()]. For random effects: `"dotplot"`, `"qq"`, or `"scatter"` of the first
#'   two effects of each factor that has two.
#' @param group,id,idLabels As in [plot.rlmm()].
#' @param level,transf As in [dotplot.rlmm_ranef()].
#' @param labels As in [plot.rlmm_influence()].
#' @param data Data to put the columns beside; by default the model frame.
#' @param ... For `"effect"` and `"shrinkage"`, the arguments of those functions.
#' @return `autoplot()` gives a `ggplot`, with panels for grouping factors and effects.
#'   `fortify()` gives `data` with the columns `.fitted`, `.resid` and `.scresid` (residuals divided
#'   by sigma), those of lme4's function of that name.
#' @section Errors:
#' `rlmm_bad_argument` where `fortify()` is given `data` with rows that the fit does not have.
#' @seealso [plot.rlmm()], [plot.rlmm_ranef()], [plot.rlmm_influence()].
#' @examplesIf requireNamespace("ggplot2", quietly = TRUE)
#' fit <- rlmm(Reaction ~ Days + (Days | Subject), sleepstudy)
#' ggplot2::autoplot(fit, which = "effect")
#' ggplot2::autoplot(ranef(fit))
#' ggplot2::autoplot(influence(fit, "Subject"))
#' head(ggplot2::fortify(fit))
#' @name autoplot.rlmm
#' @exportS3Method ggplot2::autoplot
autoplot.rlmm <- function(object, which = c("residuals", "qq", "scale", "group", "effect",
                                            "shrinkage"), group = NULL, id = NULL, idLabels = NULL,
                          ...) {
  known <- c("residuals", "qq", "scale", "group", "effect", "shrinkage")
  which <- one_of(which, known, "which")
  switch(which,
    qq = ggplot_qq(object, id, idLabels),
    group = ggplot_groups(object, group),
    effect = ggplot_effect(effect_parts(object, group = group, ...)),
    shrinkage = ggplot_shrinkage(shrinkage_parts(object, group, ...)),
    ggplot_scatter(object, which, id, idLabels)
  )
}

#' @rdname autoplot.rlmm
#' @exportS3Method ggplot2::autoplot
autoplot.rlmm_ranef <- function(object, which = c("dotplot", "qq", "scatter"), level = 0.95,
                                transf = I, ...) {
  which <- one_of(which, c("dotplot", "qq", "scatter"), "which")
  if (which == "scatter") return(ggplot_effect_pairs(object))
  long <- effects_with_limits(object, transf, level)
  long$panel <- panel_labels(long)
  if (which == "qq") ggplot_effects(transform(long, place = normal_scores(long))) else
    ggplot_caterpillar(long)
}

#' @rdname autoplot.rlmm
#' @exportS3Method ggplot2::autoplot
autoplot.rlmm_coef <- function(object, which = c("dotplot", "qq", "scatter"), ...) {
  autoplot.rlmm_ranef(varying_coefficients(object), which, level = NULL)
}

#' @rdname autoplot.rlmm
#' @exportS3Method ggplot2::autoplot
autoplot.rlmm_influence <- function(object, labels = 5L, ...) {
  table <- data.frame(name = names(object$cooks), y = unname(object$cooks),
    x = seq_along(object$cooks))
  mark <- 4 / sum(!is.na(table$y))
  table$above <- (table$y > mark) %in% TRUE
  if (nrow(table) <= 40L) return(ggplot_ranked(table, mark, object$groups))
  top <- utils::head(order(table$y, decreasing = TRUE), labels)
  ggplot2::ggplot(table, ggplot2::aes(x = .data$x, y = .data$y)) +
    ggplot2::geom_hline(yintercept = mark, colour = "grey45", linetype = 2) +
    ggplot2::geom_segment(ggplot2::aes(xend = .data$x, yend = 0, colour = .data$above),
      linewidth = max(0.15, min(0.6, 60 / nrow(table)))) +
    ggplot2::geom_text(ggplot2::aes(label = .data$name), table[top, ], size = 3, vjust = -0.4) +
    two_colours() + ggplot2::scale_y_continuous(expand = ggplot2::expansion(c(0, 0.08))) +
    light_theme() + ggplot2::labs(x = paste("Index of", object$groups), y = "Cook's distance")
}

#' @rdname autoplot.rlmm
#' @exportS3Method ggplot2::fortify
fortify.rlmm <- function(model, data = model$frame, ...) {
  columns <- data.frame(.fitted = stats::fitted(model), .resid = stats::residuals(model),
    .scresid = stats::residuals(model, type = "pearson", scaled = TRUE))
  rows <- match(row.names(data), row.names(columns))
  if (anyNA(rows)) {
    stop_rlmm("bad_argument", paste0("row '", row.names(data)[is.na(rows)][1L],
      "' of 'data' is none of the fit"), column = "data")
  }
  cbind(as.data.frame(data), unname_rows(columns[rows, , drop = FALSE]))
}
