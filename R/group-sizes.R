#' Sizes of the groups
#'
#' How many rows the levels of the grouping factors have.
#'
#' @param object A model fitted by [rlmm()].
#' @return A data frame of class `rlmm_group_sizes` with a row for each grouping factor and columns
#'   `group`, `levels`, `min`, `mean` and `max` (numbers of rows that were used in the fit).
#'   `summary(fit, group.sizes = TRUE)` prints it.
#' @section Errors: `rlmm_no_method` for anything but a fit by [rlmm()].
#' @examples
#' fit <- rlmm(Weight ~ Time + (1 | Litter / Pig), dietox)
#' group_sizes(fit)
#' @export
group_sizes <- function(object) {
  check_fit(object, "group_sizes")
  used <- used_rows(object$frame)
  terms <- random_terms(object)
  rows <- lapply(terms[!duplicated(factor_of_term(object))], function(term) {
    n <- tabulate(term$codes[used], length(term$levels))
    data.frame(group = term$group, levels = length(n), min = min(n), mean = mean(n), max = max(n))
  })
  structure(do.call(rbind, rows), class = c("rlmm_group_sizes", "data.frame"))
}

#' @export
print.rlmm_group_sizes <- function(x, digits = max(3, getOption("digits") - 3), ...) {
  cat("Rows by level:\n")
  table <- data.frame(Group = x$group, Levels = x$levels, Min = x$min,
    Mean = format(x$mean, digits = digits), Max = x$max)
  print(table, row.names = FALSE)
  invisible(x)
}
