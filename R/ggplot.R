# Layers of the pictures by ggplot2, which is there when these functions are called.

utils::globalVariables(".data")

light_theme <- function() {
  ggplot2::theme_bw() + ggplot2::theme(panel.grid.minor = ggplot2::element_blank(),
    panel.grid.major = ggplot2::element_line(colour = "grey92"),
    panel.border = ggplot2::element_rect(colour = "grey60", fill = NA),
    strip.background = ggplot2::element_rect(fill = "grey94", colour = "grey60"),
    legend.position = "none")
}

two_colours <- function() {
  ggplot2::scale_colour_manual(values = c("FALSE" = with_alpha(SOFT, 0.85), "TRUE" = INK))
}

point_size <- function(n) if (n > 2000) 0.7 else 1.4

name_layer <- function(table, marked) {
  ggplot2::geom_text(ggplot2::aes(label = .data$label), table[marked, , drop = FALSE], size = 3,
    vjust = -0.6, colour = "grey20")
}

# Residuals, or the root of the standardised ones' size, against fitted values.
ggplot_scatter <- function(object, which, id, idLabels) {
  n <- nrow(object$frame)
  size <- if (which == "scale") quote(sqrt(abs(rstandard(.)))) else
    quote(residuals(., type = "pearson"))
  table <- data.frame(x = linear_predictor(object), label = row_labels(object, idLabels),
    y = evaluate_on_fit(object, size, asNamespace("rlmm")))
  both <- is.finite(table$x) & is.finite(table$y)
  smooth <- as.data.frame(stats::lowess(table$x[both], table$y[both]))
  ggplot2::ggplot(table, ggplot2::aes(x = .data$x, y = .data$y)) +
    (if (which == "residuals") ggplot2::geom_hline(yintercept = 0, colour = "grey45",
      linetype = 2)) +
    ggplot2::geom_point(colour = INK, alpha = point_alpha(n), size = point_size(n), na.rm = TRUE) +
    ggplot2::geom_line(data = smooth, colour = ACCENT, linewidth = 0.9) +
    name_layer(table, marked_rows(object, id, n)) + light_theme() +
    ggplot2::labs(x = "Fitted values",
      y = if (which == "scale") expression(sqrt("|standardised residuals|")) else "Residuals")
}

ggplot_qq <- function(object, id, idLabels) {
  used <- used_rows(object$frame)
  parts <- qq_parts(residuals_of_frame(object))
  points <- parts$points
  points$label <- row_labels(object, idLabels)[used][points$row]
  marked <- marked_rows(object, id, length(used))[used][points$row]
  ggplot2::ggplot(points, ggplot2::aes(x = .data$z, y = .data$value)) +
    ggplot2::geom_ribbon(ggplot2::aes(x = .data$z, ymin = .data$lower, ymax = .data$upper),
      parts$band, inherit.aes = FALSE, fill = SOFT, alpha = 0.3) +
    ggplot2::geom_abline(intercept = parts$line[1L], slope = parts$line[2L], colour = ACCENT,
      linewidth = 0.7) +
    ggplot2::geom_point(colour = INK, alpha = point_alpha(nrow(points)),
      size = point_size(nrow(points))) +
    name_layer(points, marked) + light_theme() +
    ggplot2::labs(x = "Standard normal quantiles", y = "Scaled residuals")
}

ggplot_groups <- function(object, group) {
  found <- residual_quantiles(object, group)
  table <- as.data.frame(found$quantiles)
  names(table) <- c("q05", "q25", "q50", "q75", "q95")
  table$level <- factor(row.names(table), row.names(table))
  n <- nrow(table)
  ggplot2::ggplot(table, ggplot2::aes(x = .data$q50, y = .data$level)) +
    ggplot2::geom_vline(xintercept = 0, colour = "grey60") +
    ggplot2::geom_segment(ggplot2::aes(x = .data$q05, xend = .data$q95, yend = .data$level),
      colour = "grey75", linewidth = max(0.15, min(0.5, 30 / n))) +
    ggplot2::geom_segment(ggplot2::aes(x = .data$q25, xend = .data$q75, yend = .data$level),
      colour = SOFT, linewidth = max(0.3, min(2, 100 / n))) +
    ggplot2::geom_point(colour = INK, size = max(0.3, min(1.6, 60 / n))) +
    light_theme() + level_axis(n) + ggplot2::labs(x = "Scaled residuals", y = found$group)
}

# Names of the levels where there is room for them, as level_scale() has it for lattice.
level_axis <- function(n) {
  scale <- level_scale(n)
  if (isFALSE(scale$draw)) {
    return(ggplot2::theme(axis.text.y = ggplot2::element_blank(),
      axis.ticks.y = ggplot2::element_blank(), panel.grid.major.y = ggplot2::element_blank()))
  }
  ggplot2::theme(axis.text.y = ggplot2::element_text(size = 9.5 * scale$cex))
}

# Factor and effect, or the effect alone where there is one factor only.
panel_labels <- function(long) {
  label <- if (length(unique(long$grpvar)) > 1L) paste(long$grpvar, long$term, sep = ": ") else
    as.character(long$term)
  factor(label, unique(label))
}

# Effects in the order of each factor's first effect, with the levels' names where a factor has few.
ggplot_caterpillar <- function(long) {
  key <- paste(long$grpvar, long$grp, sep = "\r")
  first <- !duplicated(key)
  order <- order(long$grpvar[first], as.integer(long$grp)[first])
  long$place <- factor(key, key[first][order])
  sizes <- table(long$grpvar[first])
  named <- names(sizes)[!vapply(sizes, function(n) isFALSE(level_scale(n)$draw), NA)]
  shown <- first & long$grpvar %in% named
  ggplot_effects(long) + level_axis(max(1L, sizes[named])) + ggplot2::labs(y = NULL) +
    ggplot2::scale_y_discrete(breaks = key[shown], labels = as.character(long$grp[shown]))
}

ggplot_effects <- function(long) {
  n <- max(table(long$panel))
  # levels of another factor have another axis
  facets <- if (length(unique(long$grpvar)) > 1L) "free" else "free_x"
  ggplot2::ggplot(long, ggplot2::aes(x = .data$condval, y = .data$place, colour = .data$clear)) +
    ggplot2::geom_vline(ggplot2::aes(xintercept = .data$reference), colour = "grey45",
      na.rm = TRUE) +
    ggplot2::geom_segment(ggplot2::aes(x = .data$lower, xend = .data$upper, yend = .data$place),
      linewidth = max(0.2, min(0.7, 30 / n))) +
    ggplot2::geom_point(size = max(0.3, min(1.6, 60 / n))) +
    ggplot2::facet_wrap(~panel, scales = facets) + two_colours() + light_theme() +
    ggplot2::labs(x = NULL, y = "Standard normal quantiles")
}

ggplot_effect_pairs <- function(effects) {
  tables <- lapply(unclass(effects), effects_table)
  tables <- tables[vapply(tables, ncol, 1L) >= 2L]
  if (length(tables) == 0L) {
    stop_rlmm("bad_argument", "no grouping factor has two effects for a scatter plot",
      column = "which")
  }
  long <- do.call(rbind, Map(function(table, group) {
    names <- names(table)
    data.frame(x = table[[1L]], y = table[[2L]],
      panel = paste0(group, ": ", names[2L], " against ", names[1L]))
  }, tables, names(tables)))
  around_zero <- inherits(effects, "ranef.mer")
  ggplot2::ggplot(long, ggplot2::aes(x = .data$x, y = .data$y)) +
    (if (around_zero) ggplot2::geom_hline(yintercept = 0, colour = "grey60")) +
    (if (around_zero) ggplot2::geom_vline(xintercept = 0, colour = "grey60")) +
    ggplot2::geom_point(colour = INK, alpha = point_alpha(nrow(long)), size = 1.4) +
    ggplot2::facet_wrap(~panel, scales = "free") + light_theme() + ggplot2::labs(x = NULL, y = NULL)
}

ggplot_ranked <- function(table, mark, title) {
  table$name <- factor(table$name, unique(table$name[order(table$y)]))
  ggplot2::ggplot(table, ggplot2::aes(x = .data$y, y = .data$name, colour = .data$above)) +
    ggplot2::geom_vline(xintercept = mark, colour = "grey45", linetype = 2) +
    ggplot2::geom_segment(ggplot2::aes(xend = 0, yend = .data$name), linewidth = 0.6,
      na.rm = TRUE) +
    ggplot2::geom_point(size = 1.8, na.rm = TRUE) + two_colours() +
    ggplot2::scale_x_continuous(expand = ggplot2::expansion(c(0, 0.08)), limits = c(0, NA)) +
    light_theme() + level_axis(nrow(table)) + ggplot2::labs(x = "Cook's distance", y = title)
}

ggplot_effect <- function(parts) {
  places <- effect_places(parts)
  table <- data.frame(x = places$at, parts$population)
  picture <- ggplot2::ggplot(table, ggplot2::aes(x = .data$x, y = .data$fit))
  if (!is.null(parts$seen)) {
    seen <- data.frame(x = places$seen, y = parts$seen$y)
    picture <- picture + ggplot2::geom_point(ggplot2::aes(y = .data$y), seen, colour = "grey40",
      size = 0.9, alpha = point_alpha(nrow(seen)) * 0.6, na.rm = TRUE)
  }
  if (!is.null(parts$lines)) {
    lines <- data.frame(x = rep(places$at, ncol(parts$lines)), y = as.vector(parts$lines),
      level = rep(seq_len(ncol(parts$lines)), each = nrow(parts$lines)))
    picture <- picture + ggplot2::geom_line(ggplot2::aes(y = .data$y, group = .data$level), lines,
      colour = SOFT, linewidth = 0.4, alpha = effect_line_alpha(parts$lines))
  }
  picture + effect_layers(places, parts) + light_theme() +
    ggplot2::labs(x = parts$labels$xlab, y = parts$labels$ylab)
}

effect_layers <- function(places, parts) {
  limits <- ggplot2::aes(ymin = .data$lwr, ymax = .data$upr)
  if (places$is_number) {
    return(list(ggplot2::geom_ribbon(limits, fill = ACCENT, alpha = 0.2),
      ggplot2::geom_line(colour = ACCENT, linewidth = 1.1)))
  }
  list(ggplot2::geom_linerange(limits, colour = ACCENT, linewidth = 1.1),
    ggplot2::geom_point(colour = ACCENT, size = 2.6),
    ggplot2::scale_x_continuous(breaks = places$at, labels = as.character(parts$x)))
}

ggplot_shrinkage <- function(parts) {
  if (length(parts$center) == 2L) return(ggplot_shrinkage_plane(parts))
  n <- nrow(parts$own)
  table <- data.frame(own = parts$own[, 1L], mode = parts$mode[, 1L],
    place = factor(rownames(parts$mode), rownames(parts$mode)[order(parts$mode[, 1L])]))
  size <- max(0.4, min(1.6, 80 / n))
  ggplot2::ggplot(table, ggplot2::aes(x = .data$mode, y = .data$place)) +
    ggplot2::geom_vline(xintercept = parts$center, colour = ACCENT, linewidth = 0.7) +
    ggplot2::geom_segment(ggplot2::aes(xend = .data$own, yend = .data$place), colour = SOFT,
      linewidth = max(0.2, min(0.7, 30 / n))) +
    ggplot2::geom_point(ggplot2::aes(x = .data$own), colour = SOFT, shape = 1, size = size) +
    ggplot2::geom_point(colour = INK, size = size) + light_theme() + level_axis(n) +
    shrinkage_caption(parts$name, names(parts$center), NULL)
}

ggplot_shrinkage_plane <- function(parts) {
  n <- nrow(parts$own)
  table <- data.frame(x = parts$mode[, 1L], y = parts$mode[, 2L], own_x = parts$own[, 1L],
    own_y = parts$own[, 2L])
  center <- data.frame(x = parts$center[1L], y = parts$center[2L])
  size <- max(0.6, min(1.6, 9 / sqrt(n)))
  ggplot2::ggplot(table, ggplot2::aes(x = .data$x, y = .data$y)) +
    ggplot2::geom_segment(ggplot2::aes(xend = .data$own_x, yend = .data$own_y), colour = SOFT,
      linewidth = 0.4, alpha = max(0.25, point_alpha(n))) +
    ggplot2::geom_point(ggplot2::aes(x = .data$own_x, y = .data$own_y), colour = SOFT, shape = 1,
      size = size) +
    ggplot2::geom_point(colour = INK, size = size) +
    ggplot2::geom_point(data = center, shape = 3, colour = ACCENT, size = 4, stroke = 1.3) +
    light_theme() + shrinkage_caption(parts$name, names(parts$center)[1L], names(parts$center)[2L])
}

shrinkage_caption <- function(name, x, y) {
  list(ggplot2::labs(title = name, x = x, y = y,
    subtitle = "circles: within group; dots: conditional modes; red: population"),
  ggplot2::theme(plot.subtitle = ggplot2::element_text(size = 8)))
}
