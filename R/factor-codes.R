# Levels of a grouping factor and the code of each row, exactly those of factor(), which takes ten
# times as long for a million numbers or strings.

# list(codes, levels) of a column of the frame. NA has the code NA.
column_codes <- function(x, name) {
  if (NCOL(x) != 1L) {
    stop_rlmm("group", paste0("the grouping factor '", name, "' is a matrix of ", NCOL(x),
      " columns; a vector or factor is needed"), term = name)
  }
  if (is.factor(x)) return(list(codes = as.integer(x), levels = levels(x)))
  if (!is.object(x) && is.character(x)) return(text_codes(as.vector(x)))
  if (!is.object(x) && (is.numeric(x) || is.logical(x))) {
    x <- as.vector(x)
    found <- number_codes(x)
    values <- as.vector(found$values, typeof(x))
    levels <- as.character(values)
    # numbers that print alike are one level
    if (!may_print_alike(values) || !anyDuplicated(levels)) {
      return(list(codes = found$codes, levels = levels))
    }
  }
  x <- factor(x)
  list(codes = as.integer(x), levels = levels(x))
}

# list(codes, values): the rank of each number among the values that occur, which are sorted.
number_codes <- function(x) {
  whole <- whole_numbers(x)
  found <- if (!is.null(whole)) counted_codes(whole)
  if (is.null(found)) ranked_codes(x) else found
}

# As integers; NULL where they are none.
whole_numbers <- function(x) {
  if (!is.double(x)) return(as.integer(x))
  if (!isTRUE(x[1L] == round(x[1L]))) return(NULL)
  if (!isTRUE(max(abs(range(x))) <= .Machine$integer.max)) return(NULL)
  whole <- as.integer(x)
  if (all(whole == x)) whole
}

# By counting, for integers within a range not much longer than the vector.
counted_codes <- function(x) {
  if (length(x) == 0L || anyNA(x)) return(NULL)
  ends <- range(x)
  span <- as.double(ends[2L]) - ends[1L] + 1
  if (span > 4 * length(x) || span > .Machine$integer.max) return(NULL)
  from_one <- if (ends[1L] == 1L) x else x - ends[1L] + 1L
  occurs <- tabulate(from_one, span) > 0L
  at <- which(occurs)
  list(
    codes = if (length(at) == span) from_one else cumsum(occurs)[from_one],
    values = at + (ends[1L] - 1L)
  )
}

# By sorting.
ranked_codes <- function(x) {
  order <- order(x, na.last = NA, method = "radix")
  sorted <- x[order]
  n <- length(sorted)
  first <- c(n > 0L, sorted[-1L] != sorted[-n])[seq_len(n)]
  codes <- rep(NA_integer_, length(x))
  codes[order] <- cumsum(first)
  list(codes = codes, values = sorted[first])
}

# Can two of these sorted numbers be the same in fifteen digits? Without printing them.
may_print_alike <- function(values) {
  if (!is.double(values) || length(values) < 2L) return(FALSE)
  size <- abs(values)
  n <- length(values)
  !isTRUE(all(diff(values) > 1e-14 * pmax(size[-1L], size[-n])))
}

text_codes <- function(x) {
  values <- unique(x)
  if (anyNA(values)) values <- values[!is.na(values)]
  levels <- sorted_text(values)
  list(codes = match(x, levels), levels = levels)
}

# Different strings in the order of the user's locale. Most labels have the same order in the C
# locale, where sorting is fast; to see that takes one comparison for each of them.
sorted_text <- function(x) {
  if (length(x) > 100L) {
    # strings in an encoding that is not known cannot be sorted in that way
    quick <- tryCatch(sort(x, method = "radix"), error = function(e) NULL)
    if (!is.null(quick) && !is.unsorted(quick, strictly = TRUE)) return(quick)
  }
  x[order(x)]
}

# Codes and levels of the combinations that occur, those of the first part varying slowest, as in
# R's own `:`.
crossed_codes <- function(parts) {
  codes <- parts[[1L]]$codes
  at <- list(seq_along(parts[[1L]]$levels))
  for (part in parts[-1L]) {
    m <- length(part$levels)
    # as integers where they fit, which is faster
    if (as.double(length(at[[1L]])) * m > .Machine$integer.max) m <- as.double(m)
    pairs <- number_codes((codes - 1L) * m + part$codes - 1L)
    codes <- pairs$codes
    before <- pairs$values %/% m + 1L
    at <- c(lapply(at, function(index) index[before]), list(pairs$values %% m + 1L))
  }
  labels <- Map(function(part, index) part$levels[index], parts, at)
  list(codes = codes, levels = do.call(paste, c(unname(labels), sep = ":")))
}

# Without the levels that have no row. `used` says which rows count, NULL all of them.
drop_unused_levels <- function(x, used) {
  counts <- tabulate(if (is.null(used)) x$codes else x$codes[used], length(x$levels))
  if (all(counts > 0L)) return(x)
  kept <- which(counts > 0L)
  list(codes = renumbered(x$codes, kept, length(counts)), levels = x$levels[kept])
}

# Codes among the levels kept; NA where the level is not.
renumbered <- function(codes, kept, n_levels) {
  new <- rep(NA_integer_, n_levels)
  new[kept] <- seq_along(kept)
  new[codes]
}
