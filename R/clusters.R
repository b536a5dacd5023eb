# The clusters of a robust covariance: which rows may depend on one another.

# A list of codes of the rows that count, one vector for each way of clustering, named.
cluster_codes <- function(object, cluster) {
  used <- used_rows(object$frame)
  groups <- lapply(grouping_factors(object), function(f) as.integer(f)[used])
  values <- if (is.null(cluster)) groups[outermost(groups)] else cluster_values(object, cluster)
  codes <- lapply(values, function(x) {
    x <- if (length(x) == sum(used)) x else x[used]
    if (anyNA(x)) {
      stop_rlmm("cluster", "the clusters have missing values in rows of the fit",
        column = "cluster")
    }
    match(x, unique(x))
  })
  check_clusters(codes, groups)
  codes
}

# Grouping factors whose levels are not within those of another; of equal ones the first.
outermost <- function(groups) {
  n <- length(groups)
  keep <- rep(TRUE, n)
  for (i in seq_len(n)) {
    for (j in seq_len(n)[-i]) {
      if (is_within(groups[[i]], groups[[j]]) && (j < i || !is_within(groups[[j]], groups[[i]]))) {
        keep[i] <- FALSE
      }
    }
  }
  keep
}

# Is each level of `inner` within one level of `outer`?
is_within <- function(inner, outer) {
  first <- outer[match(inner, inner)]
  all(outer == first)
}

cluster_values <- function(object, cluster) {
  if (inherits(cluster, "formula")) return(clusters_of_formula(object, cluster))
  if (is.character(cluster) && all(cluster %in% factor_names(object)) &&
      length(cluster) < nrow(object$frame)) {
    return(lapply(grouping_factors(object)[cluster], as.integer))
  }
  if (is.list(cluster)) {
    names <- names(cluster)
    if (is.null(names)) names <- paste0("cluster", seq_along(cluster))
    return(stats::setNames(lapply(cluster, function(x) {
      frame_rows(object, x, "cluster", "'cluster'")
    }), names))
  }
  list(cluster = frame_rows(object, cluster, "cluster", "'cluster'"))
}

# ~ a + b clusters both ways, ~ a:b by the combinations. Variables come from the model frame, or
# from the data of the call.
clusters_of_formula <- function(object, formula) {
  labels <- attr(stats::terms(formula), "term.labels")
  if (length(labels) == 0L) {
    stop_rlmm("cluster", "'cluster' names no variable; write it as in cluster = ~ school",
      column = "cluster")
  }
  data <- NULL
  value_of <- function(name) {
    known <- grouping_factors(object)
    if (name %in% names(object$frame)) return(as.vector(object$frame[[name]]))
    if (name %in% names(known)) return(as.integer(known[[name]]))
    if (is.null(data)) data <<- cluster_data(object, environment(formula))
    found <- tryCatch(eval(str2lang(name), data, environment(formula)), error = function(e) {
      stop_rlmm("cluster", paste0("the cluster '", name,
        "' is neither in the model nor in its data"), column = name)
    })
    frame_rows(object, found, "cluster", paste0("the cluster '", name, "'"))
  }
  values <- lapply(strsplit(labels, ":", fixed = TRUE), function(parts) {
    columns <- lapply(parts, value_of)
    if (length(columns) == 1L) columns[[1L]] else do.call(paste, c(columns, sep = "\r"))
  })
  stats::setNames(values, labels)
}

# The data of the call as they are where the clusters are named, with the rows of the frame.
cluster_data <- function(object, env) {
  data <- tryCatch(eval(object$call$data, env), error = function(e) NULL)
  if (!is.data.frame(data)) return(object$frame)
  at <- match(row.names(object$frame), row.names(data))
  if (anyNA(at)) object$frame else data[at, , drop = FALSE]
}

check_clusters <- function(codes, groups) {
  for (name in names(codes)) {
    if (length(unique(codes[[name]])) < 2L) {
      stop_rlmm("cluster", paste0("there is only one cluster in '", name, "'"), column = name)
    }
  }
  for (group in names(groups)) {
    if (!any(vapply(codes, function(code) is_within(groups[[group]], code), NA))) {
      stop_rlmm("cluster", paste0("observations of different clusters share effects of '", group,
        "' and are not independent; use coarser clusters, or cluster by '", group, "' as well: ",
        "cluster = ~ ", paste(c(names(codes), group), collapse = " + ")), column = group)
    }
  }
}
