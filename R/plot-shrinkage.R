#' How the model draws the groups together
#'
#' Each group's own least-squares estimates, and the conditional modes to which the model moves
#' them. Groups with little information move far towards the mean of the population.
#'
#' @param object A model fitted by [rlmm()].
#' @param group Name of a random-effects term (that of its grouping factor, with `.1` and so on
#'   where several terms share one); the first with two or more effects per level unless given, or
#'   the first.
#' @param columns One or two effects of the term, names or numbers.
#' @param ... Handed to [lattice::xyplot()].
#' @return A `trellis` object. With two effects, a line for each group from its own
#'   estimate to its mode in the plane of both; with one, a line on a row of its own, in the order
#'   of the modes. The fixed effects of the same name are added; the cross marks them.
#' @details
#' A group's own estimates are least squares within the group, after the fixed effects and the
#' other random effects of the fit are taken away. Groups that do not determine their
#' estimates are left out.
#' @section Errors: `rlmm_unknown_name` where the model has no such term or column.
#' @examples
#' fit <- rlmm(Reaction ~ Days + (Days | Subject), sleepstudy)
#' plot_shrinkage(fit)
#' plot_shrinkage(fit, columns = "Days")
#' @export
plot_shrinkage <- function(object, group = NULL, columns = NULL, ...) {
  check_fit(object, "plot_shrinkage")
  parts <- shrinkage_parts(object, group, columns)
  picture <- if (length(parts$center) == 2L) shrinkage_plane else shrinkage_rows
  picture(parts$own, parts$mode, parts$center, parts$name, ...)
}

# Matrices of the groups' own estimates and of the modes, with the fixed effects `center` added.
shrinkage_parts <- function(object, group = NULL, columns = NULL) {
  i <- shrinkage_term(object, group)
  columns <- shrinkage_columns(object$random[[i]]$columns, columns)
  mode <- modes(object)[[i]]
  own <- own_estimates(object, i)
  center <- fixef(object)[columns]
  center[is.na(center)] <- 0
  own <- sweep(own[, columns, drop = FALSE], 2L, center, `+`)
  mode <- sweep(mode[, columns, drop = FALSE], 2L, center, `+`)
  used <- rowSums(!is.finite(own)) == 0
  list(own = own[used, , drop = FALSE], mode = mode[used, , drop = FALSE], center = center,
    name = object$random[[i]]$name)
}

shrinkage_term <- function(object, group) {
  names <- vapply(object$random, `[[`, "", "name")
  if (is.null(group)) return(c(which(term_sizes(object) > 1L), 1L)[1L])
  if (!group[1L] %in% names) {
    stop_rlmm("unknown_name", paste0("no random-effects term '", group[1L], "': there are ",
      quoted_list(names)), term = group[1L])
  }
  match(group[1L], names)
}

shrinkage_columns <- function(known, columns) {
  if (is.null(columns)) return(utils::head(known, 2L))
  if (is.numeric(columns)) columns <- known[columns]
  if (!length(columns) %in% 1:2 || !all(columns %in% known)) {
    stop_rlmm("unknown_name", paste0("'columns' must be one or two of ", quoted_list(known)),
      column = "columns")
  }
  columns
}

# Least squares of each level of term i, the rest of the model taken away.
own_estimates <- function(object, i) {
  term <- random_terms(object)[[i]]
  w <- root_weights(object)
  Z <- left_matrix(term, length(w))
  rest <- response_of(object) - linear_predictor(object) +
    term_effects(term$codes, term$Z, modes(object)[[i]])
  out <- modes(object)[[i]] * NA
  rows <- split(which(w > 0), factor(term$codes[w > 0], seq_along(term$levels)))
  for (j in seq_along(rows)) {
    I <- rows[[j]]
    q <- qr(Z[I, , drop = FALSE] * w[I])
    if (q$rank == ncol(Z)) out[j, ] <- qr.coef(q, rest[I] * w[I])
  }
  out
}

shrinkage_plane <- function(own, mode, center, title, ...) {
  n <- nrow(own)
  draw(lattice::xyplot, list(mode[, 2L] ~ mode[, 1L], main = title,
    xlab = colnames(own)[1L], ylab = colnames(own)[2L], par.settings = plot_theme(n),
    xlim = range_with_margin(own[, 1L], mode[, 1L]),
    ylim = range_with_margin(own[, 2L], mode[, 2L]), key = shrinkage_key(),
    panel = function(x, y, ...) {
      lattice::panel.grid(h = -1, v = -1, col = "grey92")
      lattice::panel.segments(own[, 1L], own[, 2L], x, y, lwd = 0.9,
        col = with_alpha(SOFT, max(0.25, point_alpha(n))))
      size <- max(0.3, min(0.75, 20 / sqrt(n) / 5))
      lattice::panel.points(own[, 1L], own[, 2L], pch = 1, col = SOFT, cex = size)
      lattice::panel.points(x, y, pch = 16, col = INK, cex = size)
      lattice::panel.points(center[1L], center[2L], pch = 3, col = ACCENT, cex = 1.6, lwd = 2.5)
    }), ...)
}

shrinkage_rows <- function(own, mode, center, title, ...) {
  n <- nrow(own)
  order <- order(mode[, 1L])
  level <- factor(rownames(mode), rownames(mode)[order])
  draw(lattice::xyplot, list(level ~ mode[, 1L], main = title, xlab = colnames(own), ylab = NULL,
    xlim = range_with_margin(own, mode), scales = list(y = level_scale(n)),
    par.settings = plot_theme(n), key = shrinkage_key(), panel = function(x, y, ...) {
      lattice::panel.grid(h = 0, v = -1, col = "grey92")
      lattice::panel.abline(v = center, col = ACCENT, lwd = 1.5)
      lattice::panel.segments(own[, 1L], y, x, y, col = SOFT, lwd = max(0.5, min(1.5, 60 / n)))
      size <- max(0.3, min(0.75, 40 / n))
      lattice::panel.points(own[, 1L], y, pch = 1, col = SOFT, cex = size)
      lattice::panel.points(x, y, pch = 16, col = INK, cex = size)
    }), ...)
}

shrinkage_key <- function() {
  list(space = "top", columns = 3L, cex = 0.8, between = 0.8,
    points = list(pch = c(1, 16, 3), col = c(SOFT, INK, ACCENT), cex = 0.8),
    text = list(c("within group", "conditional mode", "population")))
}
